import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'

/** Waits until it is so, for five seconds at most. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let round = 0; round < 1000; round++) {
    if (isSo()) return
    await setTimeout(5)
  }
  assert.fail(what)
}
