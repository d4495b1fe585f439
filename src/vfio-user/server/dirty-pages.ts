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
      for (let bit = first; bit <= last; bit++) setBit(bitmap, Number(bit))
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

function setBit(bitmap: Uint8Array, bit: number): void {
  const at = bit >> 3
  bitmap[at] = (bitmap[at] ?? 0) | (1 << (bit & 7))
}
