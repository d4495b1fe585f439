/** The devices of this process that the kernel is resetting now, by address. */
export class ResetsUnderWay {
  readonly #counts = new Map<string, number>()

  has(address: string): boolean {
    return this.#counts.has(address)
  }

  /** Marks the devices until the result is disposed. */
  begin(addresses: readonly string[]): Disposable {
    for (const address of addresses) this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1)
    return {
      [Symbol.dispose]: () => {
        for (const address of addresses) {
          const left = (this.#counts.get(address) ?? 1) - 1
          if (left > 0) this.#counts.set(address, left)
          else this.#counts.delete(address)
        }
      },
    }
  }
}
