import { type InterruptCount, readInterruptCounts } from '../../host/interrupt-counts.js'

/** Interrupts that the kernel delivered for devices since this was made, though their vectors come and go. */
export class DeliveredInterrupts {
  readonly #read: () => readonly InterruptCount[]
  readonly #totals = new Map<string, number>()
  /** What each interrupt of the machine stood at, and for whom it was. */
  #last = new Map<number, InterruptCount>()

  constructor(read: () => readonly InterruptCount[] = () => readInterruptCounts()) {
    this.#read = read
    this.#last = byNumber(read())
  }

  /** Looks again. */
  update(): void {
    const now = byNumber(this.#read())
    for (const { number, count, devices } of now.values()) {
      const before = this.#last.get(number)
      // One that was given up counts from zero again, even for the same device.
      const isSame = before !== undefined && before.count <= count && `${before.devices}` === `${devices}`
      const more = isSame ? count - before.count : count
      // Nobody can tell the devices of a shared line apart.
      for (const device of new Set(devices)) this.#totals.set(device, this.of(device) + more)
    }
    this.#last = now
  }

  of(device: string): number {
    return this.#totals.get(device) ?? 0
  }
}

function byNumber(counts: readonly InterruptCount[]): Map<number, InterruptCount> {
  return new Map(counts.map((each) => [each.number, each]))
}
