// Opens every device of a command before any is reset, in one machine's VFIO or one simulated machine, so that one that
// cannot be had leaves the others as they are.
import type { PhysicalFunction } from '../function/physical-function.js'
import type { Backend } from './common-options.js'
import { SeveralErrors } from './error-output.js'
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
const openerMakers: Readonly<Record<Target['kind'], (backend: Backend) => Promise<Opener>>> = {
  async pci(backend) {
    const { VfioOwnership } = await import('../vfio/vfio-ownership.js')
    const ownership = new VfioOwnership({ backend })
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

/**
 * Closing closes every device, whatever becomes of the others.
 * @throws QuiesceError if one cannot be opened; those that were opened before it are closed again
 */
export async function openTargets(
  targets: readonly Target[],
  backend: Backend = 'auto',
  makeOpener = openerMakers,
): Promise<OpenedTargets> {
  const opened: Opened[] = []
  // All at once: one that the kernel holds, because its reset is stuck, must not keep the others open.
  const close = async (errors: unknown[] = []): Promise<void> => {
    for (const closed of await Promise.allSettled(
      opened
        .splice(0)
        .reverse()
        .map((each) => each.close()),
    )) {
      if (closed.status === 'rejected') errors.push(closed.reason)
    }
    if (errors.length > 0) throw errors.length === 1 ? errors[0] : new SeveralErrors(errors)
  }
  const openers = new Map<Target['kind'], Opener>()
  try {
    for (const { kind, name } of targets) {
      const open = openers.get(kind) ?? (await makeOpener[kind](backend))
      openers.set(kind, open)
      opened.push(await open(name))
    }
    return { functions: opened.map(({ fn }) => fn), [Symbol.asyncDispose]: () => close() }
  } catch (error) {
    await close([error])
    throw error
  }
}
