import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { capabilityId } from '../../../src/pci/capability-ids.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { streamRegister } from '../../../src/sim/models/stream-device.js'
import { SimulatedMachine } from '../../../src/sim/simulated-machine.js'
import {
  capability,
  commandOffset,
  landsWithin,
  openStreaming,
  openWithMemory,
  readWord,
  setBusMaster,
  writeWord,
} from './open-model.js'

describe('VFIO_DEVICE_RESET', () => {
  it('clears the device and puts Bus Master back', async () => {
    const { fn } = await openStreaming('flr')
    const before = fn.config.read(commandOffset, 2)
    assert.deepEqual(await fn.reset(), { ok: true })
    assert.equal(fn.config.read(commandOffset, 2), before)
    assert.equal(fn.hardware.isDirty, false)
    assert.equal(await landsWithin(fn, 10), 0)
  })
  it('tries flr, af_flr, pm and bus in this order, each at its own pace', async () => {
    for (const [model, method, us] of [
      ['flr', 'flr', 100_000],
      ['af-flr', 'af_flr', 100_000],
      ['pm-kernel', 'pm', 20_000],
      ['edu-port', 'bus', 102_000],
    ] as const) {
      const fn = createSimulatedFunction(model)
      const start = fn.clock.now()
      assert.equal((await fn.reset()).ok, true)
      assert.deepEqual(
        fn.ledger.of('reset').map((entry) => entry.method),
        [method],
      )
      assert.equal(fn.clock.now() - start, us, model)
    }
  })
  it('is EINVAL where there was no reset at open, and ENOTTY where it went away since', async () => {
    const fn = createSimulatedFunction('no-reset')
    assert.equal(fn.canReset, false)
    assert.equal((await fn.reset()).ok, false)
    const closedEarly = createSimulatedFunction('flr', { faults: { 'reset-unsupported': true } })
    assert.equal(closedEarly.canReset, false)
    const closedLate = createSimulatedFunction('flr')
    closedLate.faults.set('reset-unsupported', true)
    assert.equal(closedLate.canReset, true)
    const outcome = await closedLate.reset()
    assert.equal(!outcome.ok && outcome.errno, 'ENOTTY')
    assert.equal(closedLate.ledger.of('reset').length, 0)
  })
  it('a failure keeps its errno, resets nothing, and Bus Master still comes back', async () => {
    const { fn } = await openStreaming('flr', { faults: { 'reset-fails': 'EIO' } })
    const outcome = await fn.reset()
    assert.equal(!outcome.ok && outcome.errno, 'EIO')
    assert.equal(fn.ledger.of('reset').length, 0)
    assert.equal(fn.hardware.busMaster, true)
    assert.notEqual(await landsWithin(fn, 10), 0)
  })
  it('contention is EAGAIN as often as was said', async () => {
    const fn = createSimulatedFunction('flr', { faults: { 'reset-lock-contention': 2 } })
    const outcomes = [await fn.reset(), await fn.reset(), await fn.reset()]
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.errno)),
      ['EAGAIN', 'EAGAIN', 'ok'],
    )
  })
  it('one that never returns loses against a deadline, with Bus Master off meanwhile', async () => {
    const { fn } = await openStreaming('never-returns')
    const outcome = fn.reset()
    const first = await Promise.race([outcome, fn.clock.sleep(75_000).then(() => 'deadline')])
    assert.equal(first, 'deadline')
    assert.equal(fn.hardware.busMaster, false)
    fn.faults.clear('reset-never-returns')
    assert.deepEqual(await outcome, { ok: true })
    assert.equal(fn.hardware.busMaster, true)
  })
  it('a device that falls off the bus is polled for a minute by each method', async () => {
    const { fn } = await openStreaming('falls-off')
    const start = fn.clock.now()
    const outcome = await fn.reset()
    assert.equal(!outcome.ok && outcome.errno, 'ENOTTY')
    assert.ok(fn.clock.now() - start > 120_000_000)
    assert.equal(fn.hardware.isPresent, false)
    assert.equal(fn.config.read(0x08, 4), 0xffff_ffff)
    assert.equal(fn.config.read(commandOffset, 2), 0xfbff)
    assert.equal(readWord(fn, streamRegister.id), 0xffff_ffff)
    assert.equal(await landsWithin(fn, 100), 0)
  })
  it('a bus reset brings back what fell off', async () => {
    const fn = createSimulatedFunction('falls-off')
    await fn.reset()
    fn.faults.clear('reset-falls-off')
    assert.equal((await fn.hotReset()).ok, true)
    assert.equal(fn.hardware.isPresent, true)
    assert.notEqual(fn.config.read(0x08, 4), 0xffff_ffff)
  })
  it('a slow device is waited for, and does not answer before', async () => {
    const fn = createSimulatedFunction('slow')
    const start = fn.clock.now()
    const outcome = fn.reset()
    await fn.clock.sleep(1_000)
    assert.equal(fn.hardware.readConfig(0x08, 4), 0xffff_ffff)
    assert.deepEqual(await outcome, { ok: true })
    assert.ok(fn.clock.now() - start >= 3_000_000)
  })
  it('one slower than a minute makes each method time out', async () => {
    const fn = createSimulatedFunction('virtual-function', { faults: { 'reset-slow-ms': 100_000 } })
    const outcome = await fn.reset()
    assert.equal(!outcome.ok && outcome.errno, 'ENOTTY')
    assert.deepEqual(
      fn.ledger.of('reset').map(({ method }) => method),
      ['flr', 'bus'],
    )
  })
  it('a liar says that it worked, keeps its state, and goes on when Bus Master comes back', async () => {
    const { fn } = await openStreaming('liar')
    assert.deepEqual(await fn.reset(), { ok: true })
    assert.equal(fn.ledger.of('reset').at(-1)?.effective, false)
    assert.equal(fn.hardware.isDirty, true)
    assert.notEqual(await landsWithin(fn, 10), 0)
    setBusMaster(fn, false)
    assert.equal(await landsWithin(fn, 10), 0)
  })
  it('a reset that cleared nothing and was reported as done is a deception, and no other is', async () => {
    const honest = createSimulatedFunction('pm-kernel')
    assert.equal((await honest.reset()).ok, true)
    assert.deepEqual(honest.ledger.deceptions(), [])
    honest.faults.set('reset-fails', 'EIO')
    await honest.reset()
    assert.deepEqual(honest.ledger.deceptions(), [])
    for (const fault of ['d3-refused', 'config-write-dropped', 'reset-no-effect'] as const) {
      const fn = createSimulatedFunction('pm-kernel')
      writeWord(fn, streamRegister.scratch, 1)
      fn.faults.set(fault, true)
      assert.equal((await fn.reset()).ok, true, fault)
      assert.notEqual(fn.ledger.deceptions().length, 0, fault)
      assert.equal(fn.hardware.isDirty, true, fault)
    }
  })
  it('pending transactions are waited for up to 700 ms before a Function Level Reset', async () => {
    const fn = createSimulatedFunction('pending')
    const start = fn.clock.now()
    assert.equal((await fn.reset()).ok, true)
    assert.equal(fn.clock.now() - start, 800_000)
  })
  it('a dead device is saved as all ones, and they are not written back to it while it is dead', async () => {
    const { fn } = await openStreaming('flr')
    fn.faults.set('config-read-all-ones', true)
    const outcome = await fn.reset()
    assert.equal(!outcome.ok && outcome.errno, 'ENOTTY')
    assert.equal(fn.hardware.command & 0x7, 0)
  })
  it('what sticks survives the reset', async () => {
    const { fn } = await openStreaming('flr', { faults: { 'bus-master-stuck': true } })
    await fn.reset()
    setBusMaster(fn, false)
    assert.equal(fn.hardware.busMaster, true)
  })
  it('a device left in D3hot is woken first', async () => {
    const fn = createSimulatedFunction('nvme')
    const at = capability(fn, capabilityId.pm) + 4
    fn.config.write(at, 2, fn.config.read(at, 2) | 3)
    assert.equal((await fn.reset()).ok, true)
    assert.equal(fn.config.read(at, 2) & 3, 0)
  })
})

describe('wedging', () => {
  it('Bus Master cleared under DMA wedges the device, and setting it again does not help', async () => {
    const { fn } = await openStreaming('wedges-no-reset')
    setBusMaster(fn, false)
    assert.equal(fn.hardware.isWedged, true)
    setBusMaster(fn, true)
    assert.equal(await landsWithin(fn, 10), 0)
    assert.equal(readWord(fn, streamRegister.id), 0xffff_ffff)
  })
  it('Bus Master cleared while the device is idle does no harm', () => {
    const { fn } = openWithMemory('wedges')
    setBusMaster(fn, true)
    setBusMaster(fn, false)
    assert.equal(fn.hardware.isWedged, false)
  })
  it('a reset cures it', async () => {
    const { fn } = await openStreaming('wedges')
    setBusMaster(fn, false)
    assert.equal((await fn.reset()).ok, true)
    assert.equal(fn.hardware.isWedged, false)
    assert.equal(fn.ledger.of('reset').at(-1)?.wasWedged, true)
  })
})

describe('VFIO_DEVICE_PCI_HOT_RESET', () => {
  it('takes both siblings along, and puts Bus Master of both back', async () => {
    const machine = new SimulatedMachine()
    const { fn: first } = await openStreaming('siblings.0', { machine })
    const { fn: second } = await openStreaming('siblings.1', { machine })
    assert.deepEqual(first.hotResetScope(), {
      ok: true,
      affected: [
        { address: 'sim:siblings.0', owned: true, driver: 'vfio-pci' },
        { address: 'sim:siblings.1', owned: true, driver: 'vfio-pci' },
      ],
    })
    assert.deepEqual(await first.hotReset(), { ok: true })
    for (const fn of [first, second]) {
      assert.equal(fn.hardware.isDirty, false)
      assert.equal(fn.hardware.busMaster, true)
      assert.equal(fn.ledger.of('reset').at(-1)?.method, 'bus')
    }
  })
  it('is refused while the sibling is not owned, and resets nothing', async () => {
    const { fn } = await openStreaming('siblings')
    const scope = fn.hotResetScope()
    assert.deepEqual(scope.ok && scope.affected.map(({ owned }) => owned), [true, false])
    const outcome = await fn.hotReset()
    assert.equal(!outcome.ok && outcome.errno, 'EINVAL')
    assert.equal(fn.ledger.of('reset').length, 0)
  })
  it('blocks the config space of the sibling too', async () => {
    const machine = new SimulatedMachine()
    const first = createSimulatedFunction('siblings.0', { machine })
    const second = createSimulatedFunction('siblings.1', { machine })
    const running = first.hotReset()
    assert.throws(() => second.config.read(0x08, 4))
    assert.equal(second.ledger.of('misuse').length, 1)
    await running
    assert.notEqual(second.config.read(0x08, 4), 0xffff_ffff)
  })
  it('answers neither scope nor another reset while it is under way, on either sibling', async () => {
    const machine = new SimulatedMachine()
    const [first, second] = ['siblings.0', 'siblings.1'].map((name) => createSimulatedFunction(name, { machine }))
    const running = first?.hotReset()
    for (const fn of [first, second]) {
      for (const outcome of [fn?.hotResetScope(), await fn?.hotReset(), await fn?.reset()]) {
        assert.equal(outcome?.ok === false && outcome.errno, 'EBUSY')
      }
    }
    assert.deepEqual(await running, { ok: true })
    assert.equal(second?.hotResetScope().ok, true)
  })
  it('is ENODEV on a root bus', async () => {
    const fn = createSimulatedFunction('edu')
    const scope = fn.hotResetScope()
    assert.equal(!scope.ok && scope.errno, 'ENODEV')
    const outcome = await fn.hotReset()
    assert.equal(!outcome.ok && outcome.errno, 'ENODEV')
  })
  it('can fail and hang by faults of its own', async () => {
    const fn = createSimulatedFunction('flr', { faults: { 'hot-reset-fails': 'ENOTTY' } })
    writeWord(fn, streamRegister.scratch, 1)
    const outcome = await fn.hotReset()
    assert.equal(!outcome.ok && outcome.errno, 'ENOTTY')
    assert.equal(fn.hardware.isDirty, true)
    fn.faults.set('hot-reset-never-returns', true)
    const late = fn.hotReset()
    assert.equal(await Promise.race([late, fn.clock.sleep(1_000).then(() => 'deadline')]), 'deadline')
  })
})
