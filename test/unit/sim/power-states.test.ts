import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { capabilityId } from '../../../src/pci/capability-ids.js'
import { streamRegister } from '../../../src/sim/models/stream-device.js'
import type { SimulatedFunction } from '../../../src/sim/simulated-function.js'
import { capability, landsWithin, openStreaming, readWord, setBusMaster } from './open-model.js'

const d3hot = 3

function setPower(fn: SimulatedFunction, state: number): number {
  const at = capability(fn, capabilityId.pm) + 4
  fn.config.write(at, 2, (fn.config.read(at, 2) & ~0x3) | state)
  return fn.config.read(at, 2) & 0x3
}

describe('power states', () => {
  it('in D3hot the device does no DMA and its BARs are refused', async () => {
    const { fn } = await openStreaming('no-reset')
    assert.equal(setPower(fn, d3hot), d3hot)
    assert.equal(await landsWithin(fn, 10), 0)
    assert.throws(
      () => readWord(fn, streamRegister.id),
      (error) => error instanceof QuiesceError && error.code === 'REGION_ACCESS',
    )
  })
  it('each transition takes 10 ms', async () => {
    const { fn } = await openStreaming('no-reset')
    const before = fn.clock.now()
    setPower(fn, d3hot)
    const between = fn.clock.now()
    setPower(fn, 0)
    assert.ok(between - before >= 10_000)
    assert.ok(fn.clock.now() - between >= 10_000)
  })
  it('with NoSoftRst = 1 the device goes on after D0 where it was', async () => {
    const { fn } = await openStreaming('no-reset')
    setPower(fn, d3hot)
    setPower(fn, 0)
    assert.equal(fn.ledger.of('reset').length, 0)
    assert.equal(readWord(fn, streamRegister.status), 1)
    assert.notEqual(await landsWithin(fn, 10), 0)
  })
  it('with NoSoftRst = 0 the device is reset, and the kernel brings Bus Master back', async () => {
    const { fn } = await openStreaming('pm-reset')
    setPower(fn, d3hot)
    setPower(fn, 0)
    assert.deepEqual(
      fn.ledger.of('reset').map(({ method, effective, wasBusy }) => ({ method, effective, wasBusy })),
      [{ method: 'pm', effective: true, wasBusy: true }],
    )
    assert.equal(fn.hardware.busMaster, true)
    assert.equal(fn.hardware.isDirty, false)
    assert.equal(await landsWithin(fn, 10), 0)
  })
  it('with NoSoftRst = 0 Bus Master stays off if it was off before', async () => {
    const { fn } = await openStreaming('pm-reset')
    setBusMaster(fn, false)
    setPower(fn, d3hot)
    setPower(fn, 0)
    assert.equal(fn.hardware.busMaster, false)
    assert.equal(fn.hardware.isDirty, false)
  })
  it('D3 that is refused leaves the device in D0', async () => {
    const { fn } = await openStreaming('pm-reset', { faults: { 'd3-refused': true } })
    assert.equal(setPower(fn, d3hot), 0)
    assert.notEqual(await landsWithin(fn, 10), 0)
    assert.deepEqual(fn.ledger.of('power').at(-1), {
      kind: 'power',
      at: fn.ledger.of('power').at(-1)?.at,
      from: 0,
      to: 0,
      asked: 3,
    })
  })
  it('D0 that fails leaves the device in D3hot, without a reset', async () => {
    const { fn } = await openStreaming('pm-reset', { faults: { 'd3-exit-fails': true } })
    setPower(fn, d3hot)
    assert.equal(setPower(fn, 0), d3hot)
    assert.equal(fn.ledger.of('reset').length, 0)
    fn.faults.clear('d3-exit-fails')
    assert.equal(setPower(fn, 0), 0)
    assert.equal(fn.ledger.of('reset').length, 1)
  })
  it('D1 and D2 are not there', async () => {
    const { fn } = await openStreaming('pm-reset')
    assert.equal(setPower(fn, 1), 0)
    assert.equal(setPower(fn, 2), 0)
  })
})
