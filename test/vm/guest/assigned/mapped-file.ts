// In the guest: a part of a file as memory of this process, accessed by whole and naturally aligned units, as a processor does.
import koffi from 'koffi'
import { FileMapping } from '../../../../src/linux/file-mapping.js'

export type Width = 1 | 2 | 4 | 8

export class MappedFile implements Disposable {
  readonly address: bigint
  readonly #mapping: FileMapping
  readonly #size: number
  readonly #views: readonly [Uint8Array, Uint16Array, Uint32Array, BigUint64Array]
  #mapped = true

  constructor(fd: number, offset: bigint, size: bigint, writable = true) {
    this.#mapping = new FileMapping({ fd, offset, size, writable, what: `${size} bytes of file ${fd}` })
    this.address = this.#mapping.address
    this.#size = Number(size)
    // SAFETY: the range is ours until it is disposed, and every access after that is refused below.
    const buffer = koffi.view(this.address, this.#size)
    this.#views = [new Uint8Array(buffer), new Uint16Array(buffer), new Uint32Array(buffer), new BigUint64Array(buffer)]
  }

  /** Not for a BAR: what copies from it decides itself how wide its accesses are. */
  get bytes(): Uint8Array {
    this.#check(0, 1)
    return this.#views[0]
  }

  read(offset: bigint, width: Width): bigint {
    const at = this.#check(Number(offset), width)
    const [bytes, words, dwords, qwords] = this.#views
    // Atomics, because V8 reads one byte where only bits of one byte are looked at (testb), which is another access to a device:
    // edu answers a byte of a register with 0.
    if (width === 8) return Atomics.load(qwords, at)
    return BigInt(Atomics.load(width === 1 ? bytes : width === 2 ? words : dwords, at))
  }

  write(offset: bigint, width: Width, value: bigint): void {
    const at = this.#check(Number(offset), width)
    const [bytes, words, dwords, qwords] = this.#views
    if (width === 8) qwords[at] = value
    else if (width === 4) dwords[at] = Number(value)
    else if (width === 2) words[at] = Number(value)
    else bytes[at] = Number(value)
  }

  #check(offset: number, width: number): number {
    if (!this.#mapped) throw new Error('an access to memory that is no longer mapped')
    if (offset % width !== 0 || offset + width > this.#size) throw new Error(`no ${width} bytes at ${offset}`)
    return offset / width
  }

  [Symbol.dispose](): void {
    this.#mapped = false
    this.#mapping[Symbol.dispose]()
  }
}
