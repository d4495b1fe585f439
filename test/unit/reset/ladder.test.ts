import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ResetReport } from '../../../src/reset/report.js'
import { resetFunction } from '../../../src/reset/reset-function.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { SimulatedMachine } from '../../../src/sim/simulated-machine.js'
import { inUse } from './in-use.js'

const attempts = (report: ResetReport) => report.attempts.map(({ method, result }) => `${method} ${result}`)

describe('the ladder', () => {
  it('stops at the first method that succeeds and verifies', async () => {
    using fn = inUse('flr')
    const report = await resetFunction(fn)
    assert.deepEqual(attempts(report), ['vfio ok'])
    assert.equal(report.verdict, 'clean')
  })

  it('tries the methods in the order of the policy', async () => {
    using fn = inUse('pm-kernel')
    const report = await resetFunction(fn, { policy: { methods: ['pm', 'vfio'] } })
    assert.deepEqual(attempts(report), ['pm ok'])
  })

  it('goes on where the kernel has no method left', async () => {
    using fn = inUse('pm-kernel')
    fn.faults.set('reset-unsupported', true)
    const report = await resetFunction(fn)
    assert.equal(attempts(report)[0], 'vfio unsupported')
    assert.match(report.attempts[0]?.reason ?? '', /ENOTTY/)
    assert.equal(report.verdict, 'clean')
  })

  it('goes on where a method succeeds and the device does not verify after it', async () => {
    using fn = inUse('pending')
    const report = await resetFunction(fn)
    assert.equal(attempts(report)[0], 'vfio unverified')
    assert.match(report.attempts[0]?.reason ?? '', /pending/)
    assert.equal(report.pending, 'timeout')
    assert.equal(report.verdict, 'contained')
  })

  it('tries again while somebody else holds the lock', async () => {
    using fn = inUse('flr')
    fn.faults.set('reset-lock-contention', 3)
    const report = await resetFunction(fn)
    assert.deepEqual(attempts(report), ['vfio ok'])
    assert.equal(fn.ledger.of('kernel-call').filter(({ phase }) => phase === 'begin').length, 4)
  })

  it('gives up on the lock at the deadline of the method', async () => {
    using fn = inUse('flr')
    fn.faults.set('reset-lock-contention', 1_000_000)
    const report = await resetFunction(fn, { policy: { methods: ['vfio'], methodTimeoutMs: 1000 } })
    assert.deepEqual(attempts(report), ['vfio failed'])
    assert.match(report.attempts[0]?.reason ?? '', /EAGAIN/)
    assert.ok(report.totalMs <= 1100, `${report.totalMs} ms`)
  })

  it('calls a method that does not come back stuck, and contains without touching config space', async () => {
    using fn = inUse('never-returns')
    const report = await resetFunction(fn, { policy: { methodTimeoutMs: 5000 } })
    assert.deepEqual(attempts(report), ['vfio stuck'])
    assert.equal(report.verdict, 'contained')
    assert.equal(report.verified.quiet, false)
    assert.equal(fn.ledger.of('misuse').length, 0)
    // It comes back much later, and the kernel restores Command: the IOMMU still lets nothing through.
    fn.ledger.handOver()
    fn.faults.clearAll()
    await fn.clock.sleep(10_000)
    assert.equal(fn.ledger.foreignCount, 0)
  })

  it('ends a method early when the caller aborts, and still leaves the device contained', async () => {
    using fn = inUse('never-returns')
    const abort = new AbortController()
    fn.clock.schedule(50_000, () => abort.abort())
    const report = await resetFunction(fn, { signal: abort.signal })
    assert.match(report.attempts[0]?.reason ?? '', /aborted/)
    assert.equal(report.verdict, 'contained')
    assert.ok(report.totalMs < 1000)
  })

  it('does not start a method after an abort', async () => {
    using fn = inUse('flr')
    const report = await resetFunction(fn, { signal: AbortSignal.abort() })
    assert.deepEqual(attempts(report), ['vfio skipped', 'hot skipped', 'pm skipped'])
    assert.equal(report.verdict, 'quiesced')
  })

  it('waits for a device that is slow to answer after its reset', async () => {
    using fn = inUse('flr')
    fn.faults.set('reset-slow-ms', 800)
    const report = await resetFunction(fn)
    assert.equal(report.verdict, 'clean')
  })

  it('does not hot reset a sibling that is not ours, and names it', async () => {
    using fn = inUse('siblings.0')
    const report = await resetFunction(fn, { policy: { methods: ['hot'] } })
    assert.deepEqual(attempts(report), ['hot skipped'])
    assert.match(report.attempts[0]?.reason ?? '', /sim:siblings\.1/)
    assert.equal(report.verdict, 'quiesced')
  })

  it('quiesces a companion before a hot reset takes it along', async () => {
    const machine = new SimulatedMachine()
    using fn = inUse('siblings.0', { machine })
    using sibling = createSimulatedFunction('siblings.1', { machine })
    sibling.config.write(4, 2, 7)
    const report = await resetFunction(fn, { policy: { methods: ['hot'] }, companions: [sibling] })
    assert.deepEqual(attempts(report), ['hot ok'])
    assert.equal(report.verdict, 'clean')
    assert.equal(sibling.hardware.busMaster, false)
    assert.ok(report.steps.some(({ step, device }) => step === 'quiesce' && device === 'sim:siblings.1'))
  })

  it('does not hot reset where nobody says any more what that would take along', async () => {
    const machine = new SimulatedMachine()
    using fn = inUse('siblings.0', { machine })
    using sibling = createSimulatedFunction('siblings.1', { machine })
    sibling.config.write(4, 2, 7)
    const look = fn.hotResetScope.bind(fn)
    let looks = 0
    fn.hotResetScope = () => (looks++ === 0 ? look() : { ok: false, errno: 'EIO', message: 'nobody knows' })
    const report = await resetFunction(fn, { policy: { methods: ['hot'] }, companions: [sibling] })
    assert.deepEqual(attempts(report), ['hot failed'])
    assert.equal(sibling.hardware.busMaster, true)
  })

  it('pm reads back whether the device went to D3hot, and fails where it did not', async () => {
    using fn = inUse('pm-reset')
    fn.faults.set('d3-refused', true)
    const report = await resetFunction(fn, { policy: { methods: ['pm'] } })
    assert.deepEqual(attempts(report), ['pm failed'])
    assert.equal(report.verdict, 'quiesced')
  })

  it('a device that does not come back from D3hot is not called clean', async () => {
    using fn = inUse('pm-reset')
    fn.faults.set('d3-exit-fails', true)
    const report = await resetFunction(fn, { policy: { methods: ['pm'] } })
    assert.deepEqual(attempts(report), ['pm failed'])
    assert.notEqual(report.verdict, 'clean')
    assert.notEqual(report.verified.powerState, 'D0')
  })

  it('pm does not call D3hot a reset where NoSoftRst is 1', async () => {
    using fn = inUse('no-reset')
    const report = await resetFunction(fn, { policy: { methods: ['pm'] } })
    assert.match(report.attempts[0]?.reason ?? '', /NoSoftRst = 1/)
  })

  it('does not call the kernel again after an abort while the lock was held by another', async () => {
    using fn = inUse('flr')
    fn.faults.set('reset-lock-contention', 1000)
    const abort = new AbortController()
    fn.clock.schedule(20_000, () => abort.abort())
    const report = await resetFunction(fn, { signal: abort.signal, policy: { methods: ['vfio'] } })
    assert.deepEqual(attempts(report), ['vfio failed'])
    assert.match(report.attempts[0]?.reason ?? '', /aborted/)
    assert.equal(report.verdict, 'quiesced')
    const calls = fn.ledger.of('kernel-call').length
    await fn.clock.sleep(5000)
    assert.equal(fn.ledger.of('kernel-call').length, calls)
  })

  it('pm is finished whatever the deadline: a device is not left half-way to D0', async () => {
    using fn = inUse('pm-reset')
    const report = await resetFunction(fn, { policy: { methods: ['pm'], methodTimeoutMs: 5 } })
    assert.deepEqual(attempts(report), ['pm ok'])
    assert.equal(report.verdict, 'clean')
  })

  it('goes on where interrupts cannot be disabled, and believes what it reads', async () => {
    using fn = inUse('flr')
    const { interrupts } = fn
    let isRefusing = true
    Object.defineProperty(fn, 'interrupts', {
      get: () => {
        if (isRefusing) throw new Error('the kernel is resetting it')
        return interrupts
      },
    })
    const report = await resetFunction(fn)
    isRefusing = false
    assert.equal(report.verdict, 'clean')
    const refused = report.steps.filter(({ reason }) => reason === 'the kernel is resetting it')
    assert.deepEqual(new Set(refused.map(({ step, ok }) => `${step} ${ok}`)), new Set(['interrupts-off false']))
  })

  it('contains a device, and reports, whatever else breaks the procedure off', async () => {
    using fn = inUse('pending')
    Object.defineProperty(fn.clock, 'sleep', { value: () => Promise.reject(new Error('no timer left')) })
    const report = await resetFunction(fn)
    assert.deepEqual([report.verdict, report.verified.quiet], ['contained', false])
    assert.ok(report.steps.some(({ reason }) => reason === 'no timer left'))
  })

  it('throws for a function that is closed: that is misuse, and no verdict', async () => {
    const fn = inUse('flr')
    fn[Symbol.dispose]()
    await assert.rejects(resetFunction(fn), { code: 'CLOSED' })
  })
})
