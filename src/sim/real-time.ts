// Drives a virtual clock by the machine's: simulated hardware that real software drives lives in its time.
import type { VirtualClock } from './virtual-clock.js'

/** Disposing it stops the clock; what is scheduled stays where it is. */
export class RealTime implements Disposable {
  readonly #clock: VirtualClock
  /** What the machine's clock showed when it was last looked at, in milliseconds. */
  #last = performance.now()
  #timer: ReturnType<typeof setTimeout> | undefined
  #isStopped = false

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  /** Runs what looks at the hardware at this moment: everything due has happened, and what it sets off will. */
  during<T>(look: () => T): T {
    this.#catchUp()
    try {
      return look()
    } finally {
      this.#arm()
    }
  }

  [Symbol.dispose](): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #catchUp(): void {
    const now = performance.now()
    // By what has passed, not to where it would be: a procedure that waits in virtual time has moved it on by itself.
    this.#clock.advance((now - this.#last) * 1000)
    this.#last = now
  }

  #arm(): void {
    clearTimeout(this.#timer)
    const due = this.#clock.nextDue
    if (due === undefined || this.#isStopped) return
    const afterMs = Math.max(0, (due - this.#clock.now()) / 1000)
    this.#timer = setTimeout(() => this.during(() => {}), afterMs)
  }
}
