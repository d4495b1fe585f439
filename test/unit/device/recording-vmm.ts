// A VMM that keeps a log of what is asked of it, and lets a test be the guest.
import type {
  AccessHandler,
  AddressSpace,
  FileRange,
  GuestMemory,
  GuestMemoryRange,
  LineRoute,
  MessageRoute,
  MsiMessage,
  Vmm,
} from '../../../src/device/vmm.js'

const hex = (value: bigint | number): string => `0x${value.toString(16)}`

interface Trap {
  readonly space: AddressSpace
  readonly address: bigint
  readonly size: bigint
  readonly handler: AccessHandler
}

interface Mapped {
  readonly address: bigint
  readonly source: FileRange
}

/** The memory of a guest, as a test changes it. */
export class ChangingMemory implements GuestMemory {
  ranges: readonly GuestMemoryRange[]
  readonly listeners = new Set<() => void>()

  constructor(ranges: readonly GuestMemoryRange[] = []) {
    this.ranges = ranges
  }

  onChange(listener: () => void): Disposable {
    this.listeners.add(listener)
    return { [Symbol.dispose]: () => void this.listeners.delete(listener) }
  }

  change(ranges: readonly GuestMemoryRange[]): void {
    this.ranges = ranges
    for (const listener of [...this.listeners]) listener()
  }
}

export class RecordingVmm implements Vmm {
  readonly pageSize = 0x1000n
  /** In order; also written by others who want to be seen in the same order. */
  readonly log: string[]
  readonly traps = new Set<Trap>()
  readonly maps = new Set<Mapped>()
  /** Messages that reached the guest. */
  readonly messages: MsiMessage[] = []
  /** How often the line went up. */
  raised = 0
  isLineHigh = false
  openRoutes = 0
  openLines = 0
  /** The guest ends its INTx. */
  endOfInterrupt: () => void = () => {}
  /** The eventfd of the guest's end of interrupt. */
  resample: number | undefined
  /** What to refuse, by the line of the log. */
  refuse: (line: string) => boolean = () => false

  constructor(log: string[] = [], memory = new ChangingMemory()) {
    this.log = log
    this.memory = memory
  }

  /** Two of one guest have the same. */
  readonly memory: ChangingMemory

  readonly interrupts = {
    openMessage: (): MessageRoute => this.#openMessage(),
    openLine: (pin: number, onResample: () => void): LineRoute => this.#openLine(pin, onResample),
  }

  map(address: bigint, source: FileRange): Disposable {
    const what = `${hex(address)} from ${source.fd}:${hex(source.offset)} ${hex(source.size)}`
    const mapped = { address, source }
    return this.#hold(`map ${what}`, `unmap ${what}`, this.maps, mapped)
  }

  trap(space: AddressSpace, address: bigint, size: bigint, handler: AccessHandler): Disposable {
    const what = `${space} ${hex(address)} ${hex(size)}`
    return this.#hold(`trap ${what}`, `untrap ${what}`, this.traps, { space, address, size, handler })
  }

  /** The guest reads; undefined where nothing is. */
  read(space: AddressSpace, address: bigint, length: number): Uint8Array | undefined {
    const trap = this.#find(space, address, length)
    if (trap === undefined) return undefined
    const bytes = new Uint8Array(length)
    trap.handler.read(address - trap.address, bytes)
    return bytes
  }

  /** The guest writes; whether anything is there. */
  write(space: AddressSpace, address: bigint, bytes: Uint8Array): boolean {
    const trap = this.#find(space, address, bytes.length)
    trap?.handler.write(address - trap.address, bytes)
    return trap !== undefined
  }

  read32(address: bigint): number | undefined {
    const bytes = this.read('memory', address, 4)
    return bytes === undefined ? undefined : new DataView(bytes.buffer).getUint32(0, true)
  }

  write32(address: bigint, value: number): boolean {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value >>> 0, true)
    return this.write('memory', address, bytes)
  }

  #find(space: AddressSpace, address: bigint, length: number): Trap | undefined {
    return [...this.traps].find(
      (trap) => trap.space === space && address >= trap.address && address + BigInt(length) <= trap.address + trap.size,
    )
  }

  #hold<T>(line: string, undo: string, held: Set<T>, entry: T): Disposable {
    this.log.push(line)
    if (this.refuse(line)) throw new Error(`refused: ${line}`)
    held.add(entry)
    return {
      [Symbol.dispose]: () => {
        if (!held.delete(entry)) throw new Error(`given back twice: ${line}`)
        this.log.push(undo)
        if (this.refuse(undo)) throw new Error(`refused: ${undo}`)
      },
    }
  }

  #openMessage(): MessageRoute {
    let message: MsiMessage | undefined
    let isOpen = true
    this.openRoutes += 1
    const trigger = (): void => {
      if (!isOpen) throw new Error('a message was sent over a route that was given back')
      if (message === undefined) throw new Error('a message was sent before it was programmed')
      this.messages.push(message)
    }
    return {
      destination: { signal: trigger },
      setMessage: (next) => {
        message = next
      },
      trigger,
      [Symbol.dispose]: () => {
        isOpen = false
        this.openRoutes -= 1
      },
    }
  }

  #openLine(pin: number, onResample: () => void): LineRoute {
    this.log.push(`line ${pin}`)
    this.openLines += 1
    this.endOfInterrupt = () => {
      this.isLineHigh = false
      onResample()
    }
    return {
      destination: {
        signal: () => {
          this.raised += 1
          this.isLineHigh = true
        },
      },
      ...(this.resample === undefined ? {} : { resample: this.resample }),
      lower: () => {
        this.isLineHigh = false
      },
      [Symbol.dispose]: () => {
        this.openLines -= 1
      },
    }
  }
}
