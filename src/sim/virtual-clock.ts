// Time that passes only when somebody waits for it. A sleep of 60 s costs nothing, and the same program always sees
// the same order of events.
//
// Invariant: time moves on only once every microtask has settled, so that several sleepers interleave by their times
// and not by the order in which promises happen to resolve.
import type { Clock } from '../function/clock.js'

/** Something that will happen at a virtual time, unless it is cancelled. */
export interface ScheduledEvent {
  readonly due: number
  /** Does nothing if it has happened already. */
  cancel(): void
}

interface Entry extends ScheduledEvent {
  readonly isSleeper: boolean
  run(): void
}

function afterMicrotasks(run: () => void): void {
  // setImmediate is not in browsers; a timer of 0 ms does the same, only slower.
  if (typeof globalThis.setImmediate === 'function') globalThis.setImmediate(run)
  else globalThis.setTimeout(run, 0)
}

/** A deterministic clock in virtual microseconds. Starts at 0. */
export class VirtualClock implements Clock {
  #now = 0
  /** By due time; of equal times, in the order in which they were scheduled. */
  readonly #entries: Entry[] = []
  #sleepers = 0
  #isPumping = false

  now(): number {
    return this.#now
  }

  /** When the next event is due; undefined if there is none. */
  get nextDue(): number | undefined {
    return this.#entries[0]?.due
  }

  /** Runs `run` in `afterUs` virtual microseconds. An event alone does not make time pass: a sleeper does. */
  schedule(afterUs: number, run: () => void): ScheduledEvent {
    return this.#insert(afterUs, run, false)
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const onAbort = (): void => {
        entry.cancel()
        reject(signal?.reason)
      }
      const wake = (): void => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      const entry = this.#insert(milliseconds * 1000, wake, true)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#pump()
    })
  }

  /** Lets `us` microseconds pass at once, with all that happens in them: what a call that blocks does. */
  advance(us: number): void {
    const target = this.#now + us
    for (let first = this.#entries[0]; first !== undefined && first.due <= target; first = this.#entries[0]) {
      this.#runFirst()
    }
    this.#now = Math.max(this.#now, target)
  }

  #insert(afterUs: number, run: () => void, isSleeper: boolean): Entry {
    const due = this.#now + Math.max(0, afterUs)
    const entry: Entry = { due, run, isSleeper, cancel: () => this.#remove(entry) }
    let at = this.#entries.length
    while (at > 0 && (this.#entries[at - 1]?.due ?? 0) > due) at--
    this.#entries.splice(at, 0, entry)
    if (isSleeper) this.#sleepers++
    return entry
  }

  #remove(entry: Entry): void {
    const at = this.#entries.indexOf(entry)
    if (at < 0) return
    this.#entries.splice(at, 1)
    if (entry.isSleeper) this.#sleepers--
  }

  #runFirst(): Entry | undefined {
    const entry = this.#entries[0]
    if (entry === undefined) return undefined
    this.#remove(entry)
    this.#now = Math.max(this.#now, entry.due)
    entry.run()
    return entry
  }

  /** Wakes one sleeper, with all that happens before it, and then looks again once its continuations have run. */
  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    afterMicrotasks(() => {
      this.#isPumping = false
      while (this.#sleepers > 0 && this.#runFirst()?.isSleeper === false);
      if (this.#sleepers > 0) this.#pump()
    })
  }
}
