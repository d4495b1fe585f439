// A BAR, or some pages of one, that are plain memory: clients map it, and what they do there reaches the memory itself and
// nothing else. The kit only says where it is; whoever makes the device says what it is made of.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { RegionArea } from '../function/region.js'
import type { RegisterWidth } from './device-model.js'
import { loadRegister, storeRegister } from './register-bytes.js'

/** Memory in a file, of a size that never changes: `SharedMemory` is such. */
export interface SharedPages extends Disposable {
  readonly fd: number
  readonly bytes: Uint8Array
}

export interface BarMemoryDeclaration {
  readonly bar: number
  /** Where it begins in the BAR: a whole page. From its start on if not given. */
  readonly offset?: number
  /** By whole pages; up to the BAR's end if not given. */
  readonly size?: number
  /**
   * What a reset does to it: `cleared` unless told otherwise. Memory that is `kept` outlives clients too: what one of
   * them left is there for the next.
   */
  readonly onReset?: 'cleared' | 'kept'
  /** Zeroed memory. For each client another, because one that is gone may have kept what it mapped. */
  allocate(size: bigint): SharedPages
}

/** What a client may map. */
export interface MappableBar {
  readonly area: RegionArea
  /** It begins where the BAR does. */
  readonly file: { readonly fd: number; readonly offset: bigint }
}

const pageSize = 4096

export class BarMemory implements Disposable {
  readonly bar: number
  readonly #declaration: BarMemoryDeclaration
  readonly #offset: number
  readonly #size: number
  #pages: SharedPages

  /** @throws QuiesceError `USAGE` if it is not whole pages inside of the BAR */
  constructor(declaration: BarMemoryDeclaration, barSize: number) {
    const { bar, offset = 0, size = barSize - offset } = declaration
    const isWhole = offset % pageSize === 0 && size % pageSize === 0
    if (!isWhole || offset < 0 || size <= 0 || offset + size > barSize) {
      throw new QuiesceError('USAGE', `Cannot have ${size} bytes of memory at ${offset} of BAR ${bar}, of ${barSize}`)
    }
    this.bar = bar
    this.#declaration = declaration
    this.#offset = offset
    this.#size = size
    this.#pages = this.#allocate()
  }

  /** Where it begins in its BAR. */
  get offset(): number {
    return this.#offset
  }

  get bytes(): Uint8Array {
    return this.#pages.bytes.subarray(this.#offset, this.#offset + this.#size)
  }

  get mappable(): MappableBar {
    return {
      area: { offset: BigInt(this.#offset), size: BigInt(this.#size) },
      file: { fd: this.#pages.fd, offset: 0n },
    }
  }

  has(bar: number, offset: number): boolean {
    return bar === this.bar && offset >= this.#offset && offset < this.#offset + this.#size
  }

  read(offset: number, width: RegisterWidth): bigint {
    return loadRegister(this.bytes, offset - this.#offset, width)
  }

  write(offset: number, width: RegisterWidth, value: bigint): void {
    storeRegister(this.bytes, offset - this.#offset, width, value)
  }

  reset(): void {
    if (this.#declaration.onReset !== 'kept') this.bytes.fill(0)
  }

  /** Leaves what the last client had mapped, if it still has, to that client alone. */
  renew(): void {
    const before = this.#pages
    const pages = this.#allocate()
    if (this.#declaration.onReset === 'kept') pages.bytes.set(before.bytes)
    this.#pages = pages
    before[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.#pages[Symbol.dispose]()
  }

  /** From the BAR's start on, so that offsets in the file are those in the BAR. */
  #allocate(): SharedPages {
    return this.#declaration.allocate(BigInt(this.#offset + this.#size))
  }
}
