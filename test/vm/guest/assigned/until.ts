import { setTimeout as wait } from 'node:timers/promises'

/** Waits until something is so, and for `ms` at most. Whether it came to be. */
export async function until(isSo: () => boolean, ms = 5000): Promise<boolean> {
  const end = performance.now() + ms
  while (!isSo() && performance.now() < end) await wait(2)
  return isSo()
}
