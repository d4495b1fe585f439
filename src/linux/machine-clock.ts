/** As the port's `Clock`, which this room does not know. */
interface MonotonicClock {
  now(): number
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
}

/** Beyond it Node's timers fire at once. */
const longestTimerMs = 2 ** 31 - 1

function timer(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(handle)
      reject(signal?.reason)
    }
    const handle = setTimeout(
      () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      },
      Math.min(milliseconds, longestTimerMs),
    )
    signal?.addEventListener('abort', abort, { once: true })
  })
}

/** The machine's monotonic clock. */
export const machineClock: MonotonicClock = {
  now: () => Number(process.hrtime.bigint() / 1000n),
  async sleep(milliseconds, signal) {
    signal?.throwIfAborted()
    const end = machineClock.now() + milliseconds * 1000
    // Node's timers may fire up to a millisecond early; the waits of the PCI specifications are minima.
    for (let left = milliseconds; left > 0; left = (end - machineClock.now()) / 1000) {
      await timer(Math.ceil(left), signal)
    }
  },
}
