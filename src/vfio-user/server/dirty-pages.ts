// The pages that the device wrote while a client logs them (DMA_LOGGING_START, _REPORT, _STOP).
import { dirtyBitmapBytes } from '../messages/payloads/feature-table.js'

export class DirtyPages {
  #pageSize: bigint | undefined
  #dirty = new Set<bigint>()

  /** Undefined while nothing is logged. */
  get pageSize(): bigint | undefined {
    return this.#pageSize
  }

  start(pageSize: bigint): void {
    this.#pageSize = pageSize
    this.#dirty.clear()
  }

  stop(): void {
    this.#pageSize = undefined
    this.#dirty.clear()
  }

  mark(address: bigint, size: number): void {
    if (this.#pageSize === undefined || size === 0) return
    const last = (address + BigInt(size) - 1n) / this.#pageSize
    for (let page = address / this.#pageSize; page <= last; page++) this.#dirty.add(page)
  }

  /**
   * The bitmap of a range, one bit for each `pageSize` bytes, and forgets what it reports. A page of the log sets every bit
   * of smaller pages in it; pages of several make one bit.
   */
  report(address: bigint, length: bigint, pageSize: bigint, into?: Uint8Array): Uint8Array {
    const bitmap = into ?? new Uint8Array(Number(dirtyBitmapBytes(length, pageSize)))
    const logged = this.#pageSize
    if (logged === undefined) return bitmap
    const end = address + length
    for (const page of [...this.#dirty]) {
      const from = page * logged
      const to = from + logged
      if (to <= address || from >= end) continue
      const first = ((from > address ? from : address) - address) / pageSize
      const last = (least(to, end) - 1n - address) / pageSize
      setBits(bitmap, Number(first), Number(last) + 1)
      this.#dirty.delete(page)
    }
    return bitmap
  }
}

/** Math.min takes no bigint. */
function least(one: bigint, other: bigint): bigint {
  if (one < other) return one
  return other
}

/** By whole bytes where there are: a client may ask for a bit for each byte of a page. */
function setBits(bitmap: Uint8Array, from: number, end: number): void {
  for (let bit = from; bit < end; ) {
    const at = Math.floor(bit / 8)
    const whole = Math.floor((end - bit) / 8)
    if (bit % 8 === 0 && whole > 0) {
      bitmap.fill(0xff, at, at + whole)
      bit += 8 * whole
    } else {
      bitmap[at] = (bitmap[at] ?? 0) | (1 << (bit % 8))
      bit++
    }
  }
}
