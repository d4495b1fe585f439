/** The devices of this process that the kernel is resetting now, by address. */
export class ResetsUnderWay {
  readonly #counts = new Map<string, number>()
  /** Those that a reset of their bus takes along. */
  readonly #buses = new Set<readonly string[]>()
  readonly #waiting = new Map<string, (() => void)[]>()

  has(address: string): boolean {
    return this.#counts.has(address)
  }

  /** Whether a hot reset is at work on it. That holds a lock which attaching and detaching wait for. */
  hasHotReset(address: string): boolean {
    return [...this.#buses].some((addresses) => addresses.includes(address))
  }

  /** Marks the devices until the result is disposed. */
  begin(addresses: readonly string[]): Disposable {
    for (const address of addresses) this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1)
    return {
      [Symbol.dispose]: () => {
        for (const address of addresses) this.#end(address)
      },
    }
  }

  /** As `begin`, of a hot reset. */
  beginHotReset(addresses: readonly string[]): Disposable {
    this.#buses.add(addresses)
    const marks = this.begin(addresses)
    return {
      [Symbol.dispose]: () => {
        this.#buses.delete(addresses)
        marks[Symbol.dispose]()
      },
    }
  }

  /** Settles once the device is not being reset, at once if it is not. */
  async ended(address: string): Promise<void> {
    while (this.has(address)) {
      await new Promise<void>((resolve) => {
        this.#waiting.set(address, [...(this.#waiting.get(address) ?? []), resolve])
      })
    }
  }

  #end(address: string): void {
    const left = (this.#counts.get(address) ?? 1) - 1
    if (left > 0) {
      this.#counts.set(address, left)
      return
    }
    this.#counts.delete(address)
    const waiting = this.#waiting.get(address) ?? []
    this.#waiting.delete(address)
    for (const resolve of waiting) resolve()
  }
}
