import type { AccessWidth } from '../function/config-space.js'
import { checksum } from './checksum.js'

/** Raw config space: bytes, which bits of them a write reaches, and what they read after a reset. */
export class ConfigRegisters {
  readonly size: number
  /** Where each capability lies, by its id. */
  readonly capabilities: ReadonlyMap<number, number>
  readonly #bytes: Uint8Array
  readonly #initial: Uint8Array
  readonly #writable: Uint8Array
  readonly #clearedByOne: Uint8Array

  constructor(size: number, capabilities: ReadonlyMap<number, number>) {
    this.size = size
    this.capabilities = capabilities
    this.#bytes = new Uint8Array(size)
    this.#initial = new Uint8Array(size)
    this.#writable = new Uint8Array(size)
    this.#clearedByOne = new Uint8Array(size)
  }

  /** Sets what a register reads after a reset, and which of its bits a write sets, clears, or clears by writing 1. */
  declare(offset: number, width: AccessWidth, value: number, writable = 0, clearedByOne = 0): void {
    for (let i = 0; i < width; i++) {
      this.#initial[offset + i] = (value >>> (8 * i)) & 0xff
      this.#bytes[offset + i] = (value >>> (8 * i)) & 0xff
      this.#writable[offset + i] = (writable >>> (8 * i)) & 0xff
      this.#clearedByOne[offset + i] = (clearedByOne >>> (8 * i)) & 0xff
    }
  }

  read(offset: number, width: AccessWidth): number {
    let value = 0
    for (let i = 0; i < width; i++) value += (this.#bytes[offset + i] ?? 0) * 2 ** (8 * i)
    return value
  }

  /** A write from the bus: reaches writable bits only. */
  write(offset: number, width: AccessWidth, value: number): void {
    for (let i = 0; i < width; i++) {
      const byte = (value >>> (8 * i)) & 0xff
      const at = offset + i
      const writable = this.#writable[at] ?? 0
      const kept = (this.#bytes[at] ?? 0) & ~writable & ~(byte & (this.#clearedByOne[at] ?? 0))
      this.#bytes[at] = kept | (byte & writable)
    }
  }

  /** A change from inside the device. */
  force(offset: number, width: AccessWidth, value: number): void {
    for (let i = 0; i < width; i++) this.#bytes[offset + i] = (value >>> (8 * i)) & 0xff
  }

  /** Every byte as it is now. */
  snapshot(): Uint8Array {
    return this.#bytes.slice()
  }

  /** A number that other registers than these hardly have: values after a reset, and what a write reaches. */
  get fingerprint(): number {
    return [this.#initial, this.#writable, this.#clearedByOne].reduce((sum, bytes) => checksum(bytes, sum), 0)
  }

  /** Takes from a snapshot what a write could have made of it; everything else is as after a reset. */
  restore(snapshot: Uint8Array): void {
    for (let at = 0; at < this.size; at++) {
      const writable = this.#writable[at] ?? 0
      this.#bytes[at] = ((this.#initial[at] ?? 0) & ~writable) | ((snapshot[at] ?? 0) & writable)
    }
  }

  /** Back to what every register reads after a reset. */
  reset(): void {
    this.#bytes.set(this.#initial)
  }
}
