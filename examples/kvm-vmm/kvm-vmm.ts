// A virtual machine of one processor, in TypeScript: it implements `Vmm`, the port that an AssignedDevice is plugged into,
// on the kernel's KVM. What matters is what does not come here. A BAR is given to KVM as memory, and the device's
// interrupts go from VFIO to KVM by an eventfd: the guest touches the device and is interrupted by it, and no exit and no
// byte reaches JavaScript. `exits` counts what does.
import type {
  AccessHandler,
  AddressSpace,
  FileRange,
  GuestMemory,
  LineRoute,
  MessageRoute,
  MsiMessage,
  Vmm,
} from '../../src/device/vmm.js'
import { AnonymousMemory } from '../../src/linux/anonymous-memory.js'
import { FileMapping } from '../../src/linux/file-mapping.js'
import { KvmVm } from '../../src/linux/kvm/kvm-vm.js'
import type { Vcpu } from '../../src/linux/kvm/vcpu.js'
import type { AccessExit } from '../../src/linux/kvm/vcpu-exit.js'
import { AddressTraps } from './address-traps.js'
import { enterProtectedMode } from './boot-state.js'
import { type ConfigDevice, ConfigPorts, configPorts } from './config-ports.js'
import { lineInput } from './edu-program.js'
import { resetRom } from './guest-image.js'
import { guestLayout, guestPort } from './guest-layout.js'

const pageSize = 4096

/** Sets a processor back to its reset vector (Intel SDM volume 3, 10.11.1: delivery mode INIT, to APIC 0). */
const initMessage: MsiMessage = { address: 0xfee0_0000n, data: 0x500 }

/** How often JavaScript had to do something for the guest. */
export interface ExitCounts {
  /** Ports of config space. */
  config: number
  /** Other ports, the guest's marks among them. */
  port: number
  /** Memory that is not mapped: registers that are emulated, and addresses where nothing is. */
  memory: number
  /** Interrupts that were sent from here. */
  interrupt: number
}

/** Why the processor stands still: the guest has marked something, or is where it begins after a reset. */
export type Stop = { readonly why: 'mark'; readonly value: number } | { readonly why: 'reset' }

export class KvmVmm implements Vmm, Disposable {
  readonly pageSize = BigInt(pageSize)
  readonly exits: ExitCounts = { config: 0, port: 0, memory: 0, interrupt: 0 }
  readonly memory: GuestMemory
  readonly interrupts = {
    openMessage: (): MessageRoute => this.#openMessage(),
    openLine: (): LineRoute => this.#openLine(),
  }
  readonly #vm = new KvmVm()
  readonly #ram = new AnonymousMemory(guestLayout.memorySize)
  readonly #rom = new AnonymousMemory(pageSize)
  readonly #vcpu: Vcpu
  readonly #traps = new AddressTraps()
  readonly #config = new ConfigPorts()
  #running: Promise<Stop> | undefined

  /** @throws QuiesceError as `KvmVm` does */
  constructor() {
    this.#rom.bytes.set(resetRom(pageSize))
    const size = BigInt(this.#ram.size)
    const hostAddress = this.#ram.address
    const rom = { guestAddress: BigInt(guestLayout.rom), size: this.pageSize, hostAddress: this.#rom.address }
    try {
      this.#vm.addMemory({ guestAddress: 0n, size, hostAddress })
      this.#vm.addMemory({ ...rom, readOnly: true })
      this.#vcpu = this.#vm.createVcpu()
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
    this.#traps.add('port', configPorts.first, configPorts.size, this.#config)
    this.memory = {
      ranges: [{ guestAddress: 0n, size, access: 'read-write', backing: { hostAddress } }],
      // It never changes.
      onChange: () => ({ [Symbol.dispose]: () => {} }),
    }
  }

  /** The guest's memory, from its address 0 on. */
  get guestMemory(): Uint8Array {
    return this.#ram.bytes
  }

  /** Puts a device into a slot of bus 0. */
  plug(slot: number, device: ConfigDevice): void {
    this.#config.slots.set(slot, device)
  }

  map(address: bigint, { fd, offset, size, writable }: FileRange): Disposable {
    const mapping = new FileMapping({ fd, offset, size, writable, what: 'a BAR' })
    try {
      const slot = this.#vm.addMemory({
        guestAddress: address,
        size,
        hostAddress: mapping.address,
        readOnly: !writable,
      })
      return {
        // The guest loses it first: what KVM has as memory must be there.
        [Symbol.dispose]: () => {
          slot[Symbol.dispose]()
          mapping[Symbol.dispose]()
        },
      }
    } catch (error) {
      mapping[Symbol.dispose]()
      throw error
    }
  }

  trap(space: AddressSpace, address: bigint, size: bigint, handler: AccessHandler): Disposable {
    return this.#traps.add(space, address, size, handler)
  }

  /** The processor is to begin with the program in memory. It must stand still. */
  boot(): void {
    this.#vcpu.finishExit()
    enterProtectedMode(this.#vcpu)
  }

  /** Runs until the guest marks something, or is reset. */
  run(): Promise<Stop> {
    this.#running = this.#run()
    return this.#running
  }

  /** Takes the processor away from its program, whatever it is doing: after this it stands still at its reset vector. */
  async reset(): Promise<void> {
    this.#vm.signalMessage(initMessage)
    const running = this.#vcpu.isRunning ? this.#running : this.run()
    for (let stop = await running; stop?.why !== 'reset'; ) stop = await this.run()
  }

  /** The processor must stand still, and no device be plugged in any more. */
  [Symbol.dispose](): void {
    this.#vm[Symbol.dispose]()
    this.#rom[Symbol.dispose]()
    this.#ram[Symbol.dispose]()
  }

  async #run(): Promise<Stop> {
    for (;;) {
      const exit = await this.#vcpu.run()
      if (exit.kind === 'interrupted') continue
      if (exit.kind === 'failed') throw new Error(`Cannot run the guest: ${exit.reason}`)
      if (exit.kind !== 'port' && exit.kind !== 'memory') throw new Error(`Cannot run the guest: ${exit.kind}`)
      const stop = this.#access(exit)
      if (stop !== undefined) return stop
    }
  }

  #access(exit: AccessExit): Stop | undefined {
    const { kind, address, isWrite, width, data } = exit
    this.exits[this.#kindOf(exit)] += 1
    if (kind === 'port' && isWrite && address === BigInt(guestPort.reset)) return { why: 'reset' }
    if (kind === 'port' && isWrite && address === BigInt(guestPort.mark)) {
      return { why: 'mark', value: data[0] ?? 0 }
    }
    for (let at = 0; at < data.length; at += width) {
      const part = data.subarray(at, at + width)
      if (isWrite) this.#traps.write(kind, address, part)
      else this.#traps.read(kind, address, part)
    }
    if (!isWrite) this.#vcpu.answer(data)
    return undefined
  }

  #kindOf({ kind, address }: AccessExit): keyof ExitCounts {
    if (kind === 'memory') return 'memory'
    const { first, size } = configPorts
    return address >= first && address < first + size ? 'config' : 'port'
  }

  #openMessage(): MessageRoute {
    const source = this.#vm.interrupts.openMessage()
    let message: MsiMessage | undefined
    return {
      destination: { eventfd: source.eventfd.fd },
      setMessage: (next) => {
        message = next
        source.setMessage(next)
      },
      trigger: () => {
        this.exits.interrupt += 1
        if (message !== undefined) this.#vm.signalMessage(message)
      },
      [Symbol.dispose]: () => source[Symbol.dispose](),
    }
  }

  // Every pin is wired to one input: there is one device. VFIO unmasks it by `resample`, without being told from here.
  #openLine(): LineRoute {
    const source = this.#vm.interrupts.openPin(lineInput)
    return {
      destination: { eventfd: source.eventfd.fd },
      resample: source.resample.fd,
      lower: () => source.lower(),
      [Symbol.dispose]: () => source[Symbol.dispose](),
    }
  }
}
