/** Time as a function's maker has it: the machine's, or the simulator's. */
export interface Clock {
  /** Monotonic microseconds from an arbitrary origin. */
  now(): number
  /** Waits at least `milliseconds`; rejects with the signal's reason if it is aborted first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
}
