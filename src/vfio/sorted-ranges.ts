interface Range {
  readonly iova: bigint
  readonly size: bigint
}

/**
 * IOVA ranges that do not overlap, in order. Guest memory may come in tens of thousands of them, and each is compared with
 * what is there: hence by halves.
 */
export class SortedRanges<T extends Range> implements Iterable<T> {
  readonly #ranges: T[] = []

  get count(): number {
    return this.#ranges.length
  }

  /** A range that overlaps this one, if any does. */
  overlapping(iova: bigint, size: bigint): T | undefined {
    const candidate = this.#ranges[this.#firstEndingAfter(iova)]
    return candidate !== undefined && candidate.iova < iova + size ? candidate : undefined
  }

  /** Those that lie wholly inside. */
  inside(iova: bigint, size: bigint): T[] {
    const end = iova + size
    const found: T[] = []
    for (let at = this.#firstEndingAfter(iova); at < this.#ranges.length; at++) {
      const range = this.#ranges[at]
      if (range === undefined || range.iova >= end) break
      if (range.iova >= iova && range.iova + range.size <= end) found.push(range)
    }
    return found
  }

  has(range: T): boolean {
    return this.#ranges[this.#firstEndingAfter(range.iova)] === range
  }

  add(range: T): void {
    this.#ranges.splice(this.#firstEndingAfter(range.iova), 0, range)
  }

  delete(range: T): void {
    if (this.has(range)) this.#ranges.splice(this.#firstEndingAfter(range.iova), 1)
  }

  /** Empties it, and returns what was in it. */
  clear(): T[] {
    return this.#ranges.splice(0)
  }

  [Symbol.iterator](): Iterator<T> {
    return [...this.#ranges][Symbol.iterator]()
  }

  #firstEndingAfter(iova: bigint): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const range = this.#ranges[middle]
      if (range !== undefined && range.iova + range.size > iova) high = middle
      else low = middle + 1
    }
    return low
  }
}
