import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { resetFunction } from '../../../src/reset/reset-function.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import type { SimulatedFunction } from '../../../src/sim/simulated-function.js'
import { inUse } from './in-use.js'

const commandWrites = (fn: SimulatedFunction) => fn.ledger.of('config-write').filter(({ offset }) => offset < 8)

describe('the quiesce', () => {
  it('clears Bus Master first, then takes the BARs away, then clears Memory and I/O Space', async () => {
    using fn = inUse('no-reset')
    const order: string[] = []
    const before = fn.ledger.of('command').length
    await resetFunction(fn, {
      withdrawBars: () => {
        order.push(`BARs withdrawn at Command ${fn.hardware.command & 7}`)
      },
      onStep: ({ step, what }) => {
        if (step === 'quiesce' || step === 'read-back') order.push(what)
      },
    })
    assert.deepEqual(order.slice(0, 4), [
      'clear Bus Master',
      'BARs withdrawn at Command 3',
      'clear Memory Space and I/O Space',
      'read Command back',
    ])
    const values = fn.ledger
      .of('command')
      .slice(before)
      .map(({ after }) => after & 7)
    assert.deepEqual(values, [3, 0])
  })

  it('keeps every other bit of Command', async () => {
    using fn = createSimulatedFunction('flr')
    fn.config.write(4, 2, 0x0547)
    const report = await resetFunction(fn, { policy: { methods: [] } })
    assert.equal(report.command.before, '0x0547')
    assert.equal(report.command.after, '0x0540')
    assert.equal(fn.hardware.command & 0x0147, 0x0140)
  })

  for (const fault of ['config-read-error', 'config-read-all-ones'] as const) {
    it(`writes nothing after ${fault}, says so, and contains the device`, async () => {
      using fn = inUse('flr')
      const before = commandWrites(fn).length
      fn.faults.set(fault, true)
      const report = await resetFunction(fn, { policy: { methods: [] } })
      assert.equal(commandWrites(fn).length, before, 'Command was written')
      assert.equal(report.verdict, 'contained')
      assert.deepEqual(report.command, { before: null, after: null, verified: false })
      const step = report.steps.find(({ step }) => step === 'quiesce')
      assert.equal(step?.ok, false)
      assert.match(step?.reason ?? '', /nothing is written/)
      assert.equal(report.timeToQuietUs, null)
      fn.ledger.handOver()
      await fn.clock.sleep(1000)
      assert.equal(fn.ledger.foreignCount, 0)
    })
  }

  it('writes nothing derived from a Command that dies between the probe and the read', async () => {
    using fn = inUse('flr')
    const before = commandWrites(fn).length
    // The probe takes the first access; Command is read after it.
    fn.clock.schedule(4, () => fn.faults.set('config-read-all-ones', true))
    const report = await resetFunction(fn, { policy: { methods: [] } })
    for (const { value } of commandWrites(fn).slice(before)) assert.equal(value & 0xf804, 0)
    assert.equal(report.verdict, 'contained')
  })

  for (const [fault, name] of [
    ['bus-master-stuck', 'Bus Master'],
    ['memory-space-stuck', 'Memory Space'],
    ['io-space-stuck', 'I/O Space'],
  ] as const) {
    it(`a ${name} Enable that does not go off is found by reading back`, async () => {
      using fn = inUse('no-reset')
      fn.faults.set(fault, true)
      const report = await resetFunction(fn)
      assert.equal(report.verdict, 'contained')
      const step = report.steps.find(({ step }) => step === 'read-back')
      assert.match(step?.reason ?? '', new RegExp(`${name}.* did not go off`))
    })
  }

  it('takes the BARs away once, and says nothing of it where there is no guest that has them', async () => {
    using owned = inUse('pm-kernel')
    using free = inUse('pm-kernel')
    let withdrawn = 0
    const withGuest = await resetFunction(owned, {
      withdrawBars: () => {
        withdrawn++
      },
    })
    const without = await resetFunction(free)
    const steps = [withGuest, without].map(({ steps }) => steps.filter(({ step }) => step === 'withdraw-bars').length)
    assert.deepEqual([withdrawn, steps], [1, [1, 0]])
  })

  it('does not stop at an owner that fails to withdraw the BARs', async () => {
    using fn = inUse('no-reset')
    const report = await resetFunction(fn, {
      withdrawBars: () => {
        throw new Error('the guest is stuck')
      },
    })
    assert.equal(report.verdict, 'quiesced')
    assert.equal(report.steps.find(({ step }) => step === 'withdraw-bars')?.reason, 'the guest is stuck')
  })

  it('on a virtual function believes only Bus Master', async () => {
    using fn = inUse('virtual-function')
    const report = await resetFunction(fn, { policy: { methods: [] } })
    assert.equal(report.verdict, 'quiesced')
  })

  it('happens again after a sleeping device was woken, as the kernel restores its Command', async () => {
    using fn = inUse('pm-reset')
    fn.config.write(0x50 + 4, 2, 3)
    const report = await resetFunction(fn, { policy: { methods: [] } })
    const steps = report.steps.map(({ step }) => step)
    if (!steps.includes('wake')) assert.fail('the device was not asleep')
    assert.ok(steps.lastIndexOf('quiesce') > steps.indexOf('wake'))
    assert.equal(report.verdict, 'quiesced')
    assert.equal(fn.hardware.busMaster, false)
  })
})
