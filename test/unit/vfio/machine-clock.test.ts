import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { machineClock } from '../../../src/vfio/machine-clock.js'

describe('the clock of the machine', () => {
  it('counts microseconds and never goes back', () => {
    const began = machineClock.now()
    const beganMs = performance.now()
    while (performance.now() < beganMs + 5);
    const took = machineClock.now() - began
    assert.ok(took >= 4_900 && took < 5_000_000, `${took} us`)
  })

  it('never sleeps less than it was asked to', async () => {
    for (let round = 0; round < 30; round++) {
      const began = machineClock.now()
      await machineClock.sleep(1.5)
      const took = machineClock.now() - began
      assert.ok(took >= 1_500, `${took} us`)
    }
  })

  it('ends a sleep with the reason of its abort, before it or in the middle', async () => {
    const reason = new Error('enough')
    await assert.rejects(machineClock.sleep(1000, AbortSignal.abort(reason)), reason)
    const controller = new AbortController()
    const sleeping = machineClock.sleep(60_000, controller.signal)
    setTimeout(() => controller.abort(reason), 5)
    const began = machineClock.now()
    await assert.rejects(sleeping, reason)
    assert.ok(machineClock.now() - began < 30_000_000)
  })
})
