import type { InterruptDestination } from '../function/interrupts.js'
import { EventFd } from '../linux/eventfd.js'

/** What the kernel signals for one vector: the caller's eventfd, which stays the caller's, or one of ours that calls back. */
export class VectorSignal implements Disposable {
  readonly #eventfd: EventFd | undefined
  readonly #fd: number
  readonly #signal: (() => void) | undefined

  constructor(destination: InterruptDestination | undefined) {
    if (destination !== undefined && 'signal' in destination) {
      this.#eventfd = new EventFd()
      this.#signal = destination.signal
      this.#eventfd.onSignal(destination.signal)
    }
    // The kernel takes -1 for a vector that signals nothing.
    this.#fd = this.#eventfd?.fd ?? (destination !== undefined && 'eventfd' in destination ? destination.eventfd : -1)
  }

  get fd(): number {
    return this.#fd
  }

  /** Passes on what the kernel signalled before another took its place, then lets go of it: no signal is lost. */
  retire(): void {
    const isPending = this.#eventfd !== undefined && this.#eventfd.take() > 0n
    this[Symbol.dispose]()
    if (isPending) this.#signal?.()
  }

  [Symbol.dispose](): void {
    this.#eventfd?.[Symbol.dispose]()
  }
}

/** One for each destination, or none at all if one of them cannot be made. */
export function makeSignals(destinations: readonly (InterruptDestination | undefined)[]): VectorSignal[] {
  const signals: VectorSignal[] = []
  try {
    for (const destination of destinations) signals.push(new VectorSignal(destination))
    return signals
  } catch (error) {
    disposeSignals(signals)
    throw error
  }
}

export function disposeSignals(signals: readonly VectorSignal[]): void {
  for (const signal of signals) signal[Symbol.dispose]()
}
