// Opens every device of a command before any is reset, in one machine's VFIO or one simulated machine, so that one that
// cannot be had leaves the others as they are.
import type { PhysicalFunction } from '../function/physical-function.js'
import type { Target } from './reset-targets.js'
import { openSimulated, startGuestDma } from './simulated-device.js'

export interface OpenedTargets extends AsyncDisposable {
  /** In the order of the targets. */
  readonly functions: readonly PhysicalFunction[]
}

interface Opened {
  readonly fn: PhysicalFunction
  close(): Promise<void>
}

type Opener = (address: string) => Promise<Opened>

/** Each kind of device has its own maker, loaded only when it is needed. */
const makeOpener: Readonly<Record<Target['kind'], () => Promise<Opener>>> = {
  async pci() {
    const { VfioOwnership } = await import('../vfio/vfio-ownership.js')
    const ownership = new VfioOwnership()
    return async (address) => {
      const fn = await ownership.open(address)
      return { fn, close: () => fn[Symbol.asyncDispose]() }
    }
  },
  async sim() {
    const { SimulatedMachine } = await import('../sim/simulated-machine.js')
    const machine = new SimulatedMachine()
    return async (address) => {
      const fn = await openSimulated(address, machine)
      await startGuestDma(fn)
      return { fn, close: async () => fn[Symbol.dispose]() }
    }
  },
}

/** @throws QuiesceError if one cannot be opened; those that were opened before it are closed again */
export async function openTargets(targets: readonly Target[]): Promise<OpenedTargets> {
  const opened: Opened[] = []
  const close = async (): Promise<void> => {
    for (let last = opened.pop(); last !== undefined; last = opened.pop()) await last.close()
  }
  const openers = new Map<Target['kind'], Opener>()
  try {
    for (const { kind, name } of targets) {
      const open = openers.get(kind) ?? (await makeOpener[kind]())
      openers.set(kind, open)
      opened.push(await open(name))
    }
    return { functions: opened.map(({ fn }) => fn), [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}
