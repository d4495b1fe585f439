import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { limitEvents } from '../../src/vfio-user/server/limited-events.js'
import type { ServerEvent } from '../../src/vfio-user/server/server-event.js'

const refused: ServerEvent = { kind: 'refused', command: 'DMA_MAP', errno: 22, reason: 'no' }
const failed: ServerEvent = { kind: 'access-failed', region: 0, offset: 0n, reason: 'no' }
const disconnected: ServerEvent = { kind: 'disconnected', reason: 'gone' }

function collect() {
  const told: ServerEvent[] = []
  let now = 0
  const report = limitEvents(
    (event) => told.push(event),
    () => now,
  )
  return {
    told,
    report,
    pass: (ms: number) => {
      now += ms
    },
  }
}

describe('the events of a server', () => {
  it('ten of a kind in ten seconds are told, then how many were left out, before what comes next', () => {
    const { told, report, pass } = collect()
    for (let round = 0; round < 60; round++) report(refused)
    assert.equal(told.length, 10)
    pass(10_000)
    report(refused)
    assert.deepEqual(told.slice(10), [{ kind: 'suppressed', of: 'refused', count: 50 }, refused])
  })
  it('what matters is always told, after what was left out', () => {
    const { told, report } = collect()
    for (let round = 0; round < 11; round++) report(refused)
    for (let round = 0; round < 200; round++) report(disconnected)
    assert.deepEqual(told[10], { kind: 'suppressed', of: 'refused', count: 1 })
    assert.equal(told.length, 211)
  })
  it('one kind leaves another its own ten', () => {
    const { told, report } = collect()
    for (let round = 0; round < 200; round++) report(refused)
    report(failed)
    assert.equal(told.length, 11)
  })
  it('an owner that throws fails by itself, and not in the middle of a request', async () => {
    const failures: unknown[] = []
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', (error) => failures.push(error))
    try {
      const report = limitEvents(() => {
        throw new Error('the log is full')
      })
      report(disconnected)
      assert.deepEqual(failures, [])
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(failures.length, 1)
    } finally {
      for (const listener of others) process.on('uncaughtException', listener)
    }
  })
})
