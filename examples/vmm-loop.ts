// The smallest VMM: it implements the port that an assigned device is plugged into, and runs a guest that is written as
// the accesses it makes. The device is simulated, so this runs on any machine.
//
//   node build/examples/vmm-loop.js
//
// A program of its own imports all of this from `quiesce` and `quiesce/sim`.
import { type AccessHandler, AssignedDevice, type MessageRoute, type MsiMessage, type Vmm } from '../src/index.js'
import { createSimulatedFunction, streamRegister } from '../src/sim/index.js'

/** What makes a guest stop and its VMM work. `value` is there for a write. */
type Exit =
  | { readonly kind: 'config'; readonly at: number; readonly width: 1 | 2 | 4; readonly value?: number }
  | { readonly kind: 'memory'; readonly at: bigint; readonly value?: number }
  /** Until an interrupt: gives its message's data. */
  | { readonly kind: 'halt' }

type Guest = Generator<Exit, void, number>

const barAddress = 0xe000_0000n
const register = (offset: number): bigint => barAddress + BigInt(offset)
const ring = { address: 0x8000, bytes: 64 } as const
const config = { ids: 0x00, command: 0x04, bar0: 0x10, capabilities: 0x34 } as const
const [memorySpaceAndBusMaster, msixId, msixEnable] = [0x6, 0x11, 0x8000]
/** Where this device has its MSI-X table: it is emulated, and nothing that is written there reaches the hardware. */
const msixTable = 0x2000

/** A driver: enumerates, sizes, places, enables MSI-X, has the device write to memory and interrupt it. */
function* driver(log: (line: string) => void): Guest {
  const readConfig = function* (at: number, width: 1 | 2 | 4): Generator<Exit, number, number> {
    return yield { kind: 'config', at, width }
  }
  const [vendor, id] = [yield* readConfig(config.ids, 2), yield* readConfig(config.ids + 2, 2)]
  log(`found ${vendor.toString(16)}:${id.toString(16).padStart(4, '0')}`)
  yield { kind: 'config', at: config.bar0, width: 4, value: 0xffff_ffff }
  const size = (~((yield* readConfig(config.bar0, 4)) & ~0xf) + 1) >>> 0
  yield { kind: 'config', at: config.bar0, width: 4, value: Number(barAddress) }
  yield { kind: 'config', at: config.command, width: 2, value: memorySpaceAndBusMaster }
  log(`BAR 0 has ${size} bytes, at 0x${barAddress.toString(16)}`)

  let msix = yield* readConfig(config.capabilities, 1)
  while ((yield* readConfig(msix, 1)) !== msixId) msix = yield* readConfig(msix + 1, 1)
  const entry = [0xfee0_0000, 0, 0x41, 0]
  for (const [i, value] of entry.entries()) yield { kind: 'memory', at: register(msixTable + 4 * i), value }
  yield { kind: 'config', at: msix + 2, width: 2, value: msixEnable }

  yield { kind: 'memory', at: register(streamRegister.ringLow), value: ring.address }
  yield { kind: 'memory', at: register(streamRegister.length), value: ring.bytes }
  yield { kind: 'memory', at: register(streamRegister.doorbell), value: 1 }
  yield { kind: 'memory', at: register(streamRegister.interrupt), value: 0 }
  log(`interrupt 0x${(yield { kind: 'halt' }).toString(16)}`)
  log(`${yield { kind: 'memory', at: register(streamRegister.transfers) }} transfers, and the device goes on writing`)
}

class SmallVmm implements Vmm {
  readonly pageSize = 4096n
  readonly memory: Vmm['memory']
  readonly #traps = new Map<bigint, { readonly size: bigint; readonly handler: AccessHandler }>()
  readonly #arrived: number[] = []

  constructor(memory: Vmm['memory']) {
    this.memory = memory
  }

  readonly interrupts: Vmm['interrupts'] = {
    openMessage: () => this.#openMessage(),
    openLine: () => ({ destination: { signal: () => {} }, lower: () => {}, [Symbol.dispose]: () => {} }),
  }

  map(): Disposable {
    throw new Error('a simulated device has nothing to map')
  }

  trap(space: 'memory' | 'port', address: bigint, size: bigint, handler: AccessHandler): Disposable {
    if (space === 'memory') this.#traps.set(address, { size, handler })
    return { [Symbol.dispose]: () => void this.#traps.delete(address) }
  }

  /** The loop: the guest runs to its next exit, which is handled, and so on. */
  async run(guest: Guest, device: AssignedDevice, pause: () => Promise<void>): Promise<void> {
    for (let step = guest.next(); !step.done; ) {
      const exit = step.value
      let answer = 0
      if (exit.kind === 'memory') answer = this.#access(exit.at, exit.value)
      else if (exit.kind === 'halt') {
        while (this.#arrived.length === 0) await pause()
        answer = this.#arrived.shift() ?? 0
      } else if (exit.value === undefined) answer = device.readConfig(exit.at, exit.width)
      else device.writeConfig(exit.at, exit.width, exit.value)
      step = guest.next(answer)
    }
  }

  #access(at: bigint, value: number | undefined): number {
    const bytes = new Uint8Array(4).fill(0xff)
    const view = new DataView(bytes.buffer)
    for (const [address, { size, handler }] of this.#traps) {
      if (at < address || at >= address + size) continue
      if (value === undefined) handler.read(at - address, bytes)
      else {
        view.setUint32(0, value, true)
        handler.write(at - address, bytes)
      }
    }
    return view.getUint32(0, true)
  }

  #openMessage(): MessageRoute {
    let message: MsiMessage | undefined
    const trigger = (): void => void (message && this.#arrived.push(message.data))
    const setMessage = (next: MsiMessage): void => {
      message = next
    }
    return { destination: { signal: trigger }, setMessage, trigger, [Symbol.dispose]: () => {} }
  }
}

const log = (line: string): void => console.log(`guest: ${line}`)
const fn = createSimulatedFunction('flr')
const memory = fn.dma.allocate(0x1_0000n)
const written = (): number => memory.bytes.filter((byte) => byte !== 0).length
const vmm = new SmallVmm({
  ranges: [{ guestAddress: 0n, size: 0x1_0000n, access: 'read-write', backing: { memory, offset: 0n } }],
  onChange: () => ({ [Symbol.dispose]: () => {} }),
})
const device = AssignedDevice.open(fn, vmm)
for (const boot of [1, 2]) {
  console.log(`boot ${boot}`)
  await vmm.run(driver(log), device, () => fn.clock.sleep(1))
  // The machine is reset while the device writes. The memory is cleared for the next guest, and must stay so.
  await fn.clock.sleep(10)
  const before = written()
  const { verdict } = await device.reset()
  memory.bytes.fill(0)
  await fn.clock.sleep(1000)
  console.log(`reset: ${verdict}; the device had written ${before} bytes, and wrote ${written()} afterwards`)
}
await device.close()
