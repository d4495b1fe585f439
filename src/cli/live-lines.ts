// Lines at the bottom of a terminal that are written over and over, with ordinary output above them.

const clearBelow = '\x1b[0J'

export class LiveLines {
  readonly #write: (text: string) => void
  readonly #columns: () => number
  #lines: readonly string[] = []
  #shown = 0

  constructor(write: (text: string) => void, columns: () => number) {
    this.#write = write
    this.#columns = columns
  }

  /** Shows these instead of those before; none at all: the place is free again. */
  show(lines: readonly string[]): void {
    this.#hide()
    this.#lines = lines
    this.#draw()
  }

  /** Writes something above them. */
  above(write: () => void): void {
    this.#hide()
    write()
    this.#draw()
  }

  #hide(): void {
    if (this.#shown > 0) this.#write(`\x1b[${this.#shown}A\r${clearBelow}`)
    this.#shown = 0
  }

  #draw(): void {
    // A line that is wrapped would be two, and the way up too short.
    const width = Math.max(1, this.#columns() - 1)
    for (const line of this.#lines) this.#write(`${line.slice(0, width)}\n`)
    this.#shown = this.#lines.length
  }
}
