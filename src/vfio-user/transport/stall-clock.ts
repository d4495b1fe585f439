// Notices that the other side owes something and that nothing of it comes.

export class StallClock {
  readonly #timeoutMs: number
  readonly #progress: () => number
  readonly #onStall: () => void
  #timer: NodeJS.Timeout | undefined

  /** `progress` gives a number that changes whenever some of what is owed comes. */
  constructor(timeoutMs: number, progress: () => number, onStall: () => void) {
    this.#timeoutMs = timeoutMs
    this.#progress = progress
    this.#onStall = onStall
  }

  /** Whether something is owed now. */
  update(isOwed: boolean): void {
    if (isOwed) {
      if (this.#timer === undefined) this.#start()
    } else if (this.#timer !== undefined) this.stop()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #start(): void {
    const before = this.#progress()
    this.#timer = setTimeout(() => {
      if (this.#progress() === before) this.#onStall()
      else this.#start()
    }, this.#timeoutMs)
  }
}
