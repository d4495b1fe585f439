import type { Clock } from '../function/clock.js'

export type Timed<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'aborted' }

/**
 * Waits for `work` until a deadline or an abort, whichever is first. The work itself goes on: a kernel reset in an
 * uninterruptible sleep cannot be called back, and its late failure is swallowed because it has been reported.
 */
export async function withDeadline<T>(
  clock: Clock,
  milliseconds: number,
  work: Promise<T>,
  signal?: AbortSignal,
): Promise<Timed<T>> {
  if (signal?.aborted) {
    work.catch(() => undefined)
    return { kind: 'aborted' }
  }
  const timer = new AbortController()
  const forward = () => timer.abort()
  signal?.addEventListener('abort', forward, { once: true })
  try {
    return await Promise.race([
      work.then(
        (value): Timed<T> => ({ kind: 'done', value }),
        (error: unknown): Timed<T> => ({ kind: 'failed', error }),
      ),
      clock.sleep(milliseconds, timer.signal).then(
        (): Timed<T> => ({ kind: 'deadline' }),
        (): Timed<T> => ({ kind: 'aborted' }),
      ),
    ])
  } finally {
    signal?.removeEventListener('abort', forward)
    timer.abort()
  }
}
