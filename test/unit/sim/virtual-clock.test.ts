import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../../src/sim/virtual-clock.js'

describe('VirtualClock', () => {
  it('a minute costs nothing', async () => {
    const clock = new VirtualClock()
    const before = performance.now()
    await clock.sleep(3_600_000)
    assert.equal(clock.now(), 3_600_000_000)
    assert.ok(performance.now() - before < 5_000)
  })
  it('several sleepers interleave by their times, not by the order in which they began', async () => {
    const clock = new VirtualClock()
    const seen: string[] = []
    const walker = async (name: string, step: number, steps: number): Promise<void> => {
      for (let i = 0; i < steps; i++) {
        await clock.sleep(step)
        await Promise.resolve()
        seen.push(`${name}@${clock.now() / 1000}`)
      }
    }
    await Promise.all([walker('slow', 50, 2), walker('fast', 20, 4)])
    assert.deepEqual(seen, ['fast@20', 'fast@40', 'slow@50', 'fast@60', 'fast@80', 'slow@100'])
  })
  it('a sleeper woken early sleeps again before a later one wakes', async () => {
    const clock = new VirtualClock()
    const seen: number[] = []
    const late = clock.sleep(10).then(() => seen.push(10))
    await clock.sleep(1)
    seen.push(1)
    for (let i = 0; i < 20; i++) await Promise.resolve()
    await clock.sleep(5)
    seen.push(6)
    await late
    assert.deepEqual(seen, [1, 6, 10])
  })
  it('events run at their times while somebody sleeps, and not otherwise', async () => {
    const clock = new VirtualClock()
    const times: number[] = []
    clock.schedule(500, () => times.push(clock.now()))
    clock.schedule(2_500, () => times.push(clock.now()))
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(times, [])
    await clock.sleep(1)
    assert.deepEqual(times, [500])
    assert.equal(clock.now(), 1_000)
  })
  it('advancing runs what falls into the time, also what that schedules', () => {
    const clock = new VirtualClock()
    const times: number[] = []
    const tick = (): void => {
      times.push(clock.now())
      if (times.length < 10) clock.schedule(10, tick)
    }
    clock.schedule(10, tick)
    clock.advance(35)
    assert.deepEqual(times, [10, 20, 30])
    assert.equal(clock.now(), 35)
  })
  it('a cancelled event does not happen', () => {
    const clock = new VirtualClock()
    let happened = 0
    const event = clock.schedule(5, () => happened++)
    clock.schedule(6, () => happened++)
    event.cancel()
    event.cancel()
    clock.advance(10)
    assert.equal(happened, 1)
  })
  it('an aborted sleep rejects with the reason and no longer makes time pass', async () => {
    const clock = new VirtualClock()
    const controller = new AbortController()
    const reason = new Error('enough')
    const sleeping = clock.sleep(60_000, controller.signal)
    controller.abort(reason)
    await assert.rejects(sleeping, reason)
    await assert.rejects(clock.sleep(1, AbortSignal.abort(reason)), reason)
    await clock.sleep(1)
    assert.equal(clock.now(), 1_000)
  })
  it('what never resolves loses against a deadline', async () => {
    const clock = new VirtualClock()
    const winner = await Promise.race([new Promise(() => {}), clock.sleep(60_000).then(() => 'deadline')])
    assert.equal(winner, 'deadline')
  })
})
