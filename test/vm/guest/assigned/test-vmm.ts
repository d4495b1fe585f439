// In the guest: a VMM as small as it can be. Its address space is a table; what is mapped is really mapped, so that an access
// while the device does not decode is a SIGBUS that ends the test; interrupts arrive through eventfds or callbacks.
import { writeSync } from 'node:fs'
import type {
  AccessHandler,
  AddressSpace,
  FileRange,
  LineRoute,
  MessageRoute,
  MsiMessage,
  Vmm,
} from '../../../../src/device/vmm.js'
import type { InterruptDestination } from '../../../../src/function/interrupts.js'
import { EventFd } from '../../../../src/linux/eventfd.js'
import { MappedFile, type Width } from './mapped-file.js'
import { TestMemory } from './test-memory.js'

interface Place {
  readonly how: 'mapped' | 'trapped'
  readonly space: AddressSpace
  readonly address: bigint
  readonly size: bigint
  read(offset: bigint, into: Uint8Array): void
  write(offset: bigint, from: Uint8Array): void
}

export interface TestVmmOptions {
  /** Interrupts come through eventfds, as with KVM, or through callbacks. */
  readonly byEventfd: boolean
  /** The guest's end of interrupt is told through an eventfd too, and through nothing else. */
  readonly resampleByEventfd: boolean
  /** The guest's memory is announced as a file, or as memory of this process. */
  readonly memoryByFile: boolean
}

const little = (bytes: Uint8Array): bigint => bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)

export class TestVmm implements Vmm, Disposable {
  readonly pageSize = 0x1000n
  readonly memory: TestMemory
  readonly #places = new Set<Place>()
  readonly #options: TestVmmOptions
  /** Messages that have reached the guest, in order. */
  readonly messages: MsiMessage[] = []
  /** How often the line went up. */
  raised = 0
  openRoutes = 0
  openLines = 0
  /** The guest's end of its INTx. */
  endOfInterrupt: () => void = () => {}
  /** Called before a part of a BAR is taken out of the guest. */
  onWithdraw: () => void = () => {}

  constructor(options: TestVmmOptions) {
    this.#options = options
    this.memory = new TestMemory(options.memoryByFile)
  }

  readonly interrupts = {
    openMessage: (): MessageRoute => this.#openMessage(),
    openLine: (_pin: number, onResample: () => void): LineRoute => this.#openLine(onResample),
  }

  map(address: bigint, { fd, offset, size, writable }: FileRange): Disposable {
    const file = new MappedFile(fd, offset, size, writable)
    const place: Place = {
      how: 'mapped',
      space: 'memory',
      address,
      size,
      read: (at, into) => {
        const value = file.read(at, into.length as Width)
        for (let i = 0; i < into.length; i++) into[i] = Number((value >> BigInt(8 * i)) & 0xffn)
      },
      write: (at, from) => file.write(at, from.length as Width, little(from)),
    }
    return this.#hold(place, () => file[Symbol.dispose]())
  }

  trap(space: AddressSpace, address: bigint, size: bigint, handler: AccessHandler): Disposable {
    const place: Place = {
      how: 'trapped',
      space,
      address,
      size,
      read: (at, into) => handler.read(at, into),
      write: (at, from) => handler.write(at, from),
    }
    return this.#hold(place, () => {})
  }

  /** The guest reads; all ones where nothing is. Whether something is there. */
  read(space: AddressSpace, address: bigint, into: Uint8Array): boolean {
    const place = this.#find(space, address, into.length)
    into.fill(0xff)
    place?.read(address - place.address, into)
    return place !== undefined
  }

  /** The guest writes; whether something is there. */
  write(space: AddressSpace, address: bigint, from: Uint8Array): boolean {
    const place = this.#find(space, address, from.length)
    place?.write(address - place.address, from)
    return place !== undefined
  }

  /** What is in the guest's address spaces, in order: "memory 0xe0000000 0x1000 mapped". */
  get places(): string[] {
    return [...this.#places]
      .sort((a, b) => (a.address < b.address ? -1 : 1))
      .map(({ how, space, address, size }) => `${space} 0x${address.toString(16)} 0x${size.toString(16)} ${how}`)
  }

  /** What was lent and not given back. */
  get lent(): Readonly<Record<'places' | 'routes' | 'lines' | 'listeners', number>> {
    const { openRoutes: routes, openLines: lines } = this
    return { places: this.#places.size, routes, lines, listeners: this.memory.listeners }
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]()
  }

  #find(space: AddressSpace, address: bigint, length: number): Place | undefined {
    const end = address + BigInt(length)
    return [...this.#places].find(
      (place) => place.space === space && address >= place.address && end <= place.address + place.size,
    )
  }

  #hold(place: Place, undo: () => void): Disposable {
    const { space, address, size } = place
    for (const other of this.#places) {
      if (other.space === space && address < other.address + other.size && other.address < address + size) {
        throw new Error(`0x${address.toString(16)} is taken`)
      }
    }
    this.#places.add(place)
    return {
      [Symbol.dispose]: () => {
        this.onWithdraw()
        if (!this.#places.delete(place)) throw new Error('given back twice')
        undo()
      },
    }
  }

  /** A destination of the kind that is tested, and what ends it. */
  #destination(signal: () => void): { readonly destination: InterruptDestination } & Disposable {
    if (!this.#options.byEventfd) return { destination: { signal }, [Symbol.dispose]: () => {} }
    const eventfd = new EventFd()
    eventfd.onSignal(signal)
    return { destination: { eventfd: eventfd.fd }, [Symbol.dispose]: () => eventfd[Symbol.dispose]() }
  }

  #openMessage(): MessageRoute {
    this.openRoutes++
    let message: MsiMessage | undefined
    const trigger = (): void => {
      if (message === undefined) throw new Error('a message was sent before it was programmed')
      this.messages.push(message)
    }
    const way = this.#destination(trigger)
    return {
      destination: way.destination,
      setMessage: (next) => {
        message = next
      },
      trigger,
      [Symbol.dispose]: () => {
        this.openRoutes--
        way[Symbol.dispose]()
      },
    }
  }

  #openLine(onResample: () => void): LineRoute {
    this.openLines++
    const way = this.#destination(() => {
      this.raised++
    })
    const resample = this.#options.resampleByEventfd ? new EventFd() : undefined
    this.endOfInterrupt = () => {
      if (resample === undefined) onResample()
      else writeSync(resample.fd, BigUint64Array.of(1n))
    }
    return {
      destination: way.destination,
      ...(resample === undefined ? {} : { resample: resample.fd }),
      lower: () => {},
      [Symbol.dispose]: () => {
        this.openLines--
        way[Symbol.dispose]()
        resample?.[Symbol.dispose]()
      },
    }
  }
}
