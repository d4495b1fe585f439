// Queues as the controller keeps them (NVM Express Base 1.4, 4.1).
import type { DeviceSession } from '../../src/kit/device-session.js'
import { type Command, Completion, Submission } from './entries.js'

export interface QueuePlace {
  readonly id: number
  readonly address: bigint
  readonly entries: number
}

/** Commands of the host's. */
export class SubmissionQueue {
  readonly id: number
  readonly completions: CompletionQueue
  /** Commands that were fetched and have not been answered. */
  underWay = 0
  isFetching = false
  isDeleted = false
  readonly #place: QueuePlace
  #head = 0
  #tail = 0

  constructor(place: QueuePlace, completions: CompletionQueue) {
    this.#place = place
    this.id = place.id
    this.completions = completions
  }

  get head(): number {
    return this.#head
  }

  get isEmpty(): boolean {
    return this.#head === this.#tail
  }

  /** Takes the tail that the host wrote; false if the queue has no such entry. */
  ring(tail: number): boolean {
    if (tail >= this.#place.entries) return false
    this.#tail = tail
    return true
  }

  /** Fetches up to `most` commands; undefined if they cannot be read. */
  async fetch(session: DeviceSession, most: number): Promise<Command[] | undefined> {
    const end = this.#tail >= this.#head ? this.#tail : this.#place.entries
    const count = Math.min(most, end - this.#head)
    const at = this.#place.address + BigInt(this.#head * Submission.size)
    const bytes = await session.dma.read(at, count * Submission.size)
    if (bytes === undefined) return undefined
    this.#head = (this.#head + count) % this.#place.entries
    return Array.from({ length: count }, (_, i) => Submission.decode(bytes, i * Submission.size))
  }
}

export type CompletionValue = Omit<ReturnType<typeof Completion.decode>, 'status' | 'reserved'> & { status: number }

/** Answers of the controller's. */
export class CompletionQueue {
  readonly id: number
  /** Where its interrupts go; undefined where the host wants none. */
  readonly vector: number | undefined
  readonly #place: QueuePlace
  #head = 0
  #tail = 0
  #phase = 1
  /** What waits until the host has taken something out of a full queue. */
  readonly #waiting: CompletionValue[] = []

  constructor(place: QueuePlace, vector: number | undefined) {
    this.#place = place
    this.id = place.id
    this.vector = vector
  }

  /** How many answers wait for room. */
  get backlog(): number {
    return this.#waiting.length
  }

  /** Whether the host has not yet taken everything out. */
  get hasNews(): boolean {
    return this.#head !== this.#tail
  }

  /** Takes the head that the host wrote, and writes what waited for room; false if there is no such entry. */
  ring(head: number): boolean {
    if (head >= this.#place.entries) return false
    this.#head = head
    return true
  }

  /** Adds an answer, or keeps it until there is room. */
  add(value: CompletionValue): void {
    this.#waiting.push(value)
  }

  /** Writes what there is room for. Returns how many were written; undefined if memory cannot be reached. */
  async flush(session: DeviceSession): Promise<number | undefined> {
    let written = 0
    while (this.#waiting.length > 0 && (this.#tail + 1) % this.#place.entries !== this.#head) {
      const value = this.#waiting.shift()
      if (value === undefined) break
      const slot = this.#place.address + BigInt(this.#tail * Completion.size)
      const entry = Completion.encode({ ...value, status: (value.status << 1) | this.#phase })
      // Taken before anything is awaited, so that two answers never meet in one entry.
      this.#tail = (this.#tail + 1) % this.#place.entries
      if (this.#tail === 0) this.#phase ^= 1
      if (!(await this.#write(session, slot, entry))) return undefined
      written++
    }
    return written
  }

  /** The dword with the phase goes last: a processor that sees it sees the rest. */
  async #write(session: DeviceSession, address: bigint, entry: Uint8Array): Promise<boolean> {
    const shared = session.dma.view(address, entry.length, 'write')
    if (shared === undefined) return session.dma.write(address, entry)
    const phase = Completion.offsets.commandId
    shared.set(entry.subarray(0, phase))
    shared.set(entry.subarray(phase), phase)
    session.dma.markDirty(address, entry.length)
    return true
  }
}
