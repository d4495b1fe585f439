import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { walkCapabilities } from '../../../src/pci/capability-walk.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { simulatedModels } from '../../../src/sim/models/simulated-models.js'
import { streamIdentity, streamRegister } from '../../../src/sim/models/stream-device.js'
import { addressesOf } from '../../../src/sim/simulated-machine.js'
import { iova, landsWithin, openStreaming, openWithMemory, readWord, setBusMaster, writeWord } from './open-model.js'

describe('the simulated models', () => {
  for (const [name, model] of simulatedModels) {
    it(`${name} has a description of one line, opens, and does DMA when a guest starts it`, async () => {
      assert.match(model.description, /^[^\n]{10,100}$/)
      assert.equal(model.name, name)
      const { fn } = openWithMemory(name)
      assert.ok(addressesOf(model).includes(fn.address))
      assert.equal(walkCapabilities(fn.config).problem, undefined)
      assert.equal(fn.hardware.isDirty, false)
      fn.startDma({ iova })
      assert.notEqual(await landsWithin(fn, 150), 0)
      assert.equal(fn.hardware.isDirty, true)
      assert.equal(fn.ledger.of('misuse').length, 0)
    })
  }
  it('each one differs from the others in what it announces', () => {
    const ids = [...simulatedModels.keys()].map((name) => createSimulatedFunction(name).config.read(0x00, 4))
    // The two edus are the same device in two places.
    assert.equal(new Set(ids).size, simulatedModels.size - 1)
  })
  it('every healthy model is quiet once Bus Master is off', async () => {
    for (const name of ['flr', 'af-flr', 'pm-kernel', 'pm-reset', 'no-reset', 'siblings', 'virtual-function', 'slow']) {
      const { fn } = await openStreaming(name)
      setBusMaster(fn, false)
      fn.config.read(0x04, 2)
      assert.equal(await landsWithin(fn, 100), 0, name)
    }
  })
  it('deaf goes deaf once it does DMA, and not before', async () => {
    const { fn } = openWithMemory('deaf')
    assert.notEqual(fn.config.read(0x08, 4), 0xffff_ffff)
    fn.startDma({ iova })
    assert.equal(fn.config.read(0x08, 4), 0xffff_ffff)
    fn.config.write(0x04, 2, 0)
    assert.notEqual(await landsWithin(fn, 10), 0)
  })
  it('stuck-master cannot be stopped, but contained; lost not even that', async () => {
    const { fn: stuck } = await openStreaming('stuck-master')
    const { fn: lost } = await openStreaming('lost')
    for (const fn of [stuck, lost]) {
      setBusMaster(fn, false)
      assert.notEqual(await landsWithin(fn, 10), 0)
    }
    assert.equal(stuck.contain().ok, true)
    assert.equal(lost.contain().ok, false)
    assert.equal(await landsWithin(stuck, 10), 0)
    assert.notEqual(await landsWithin(lost, 10), 0)
  })
  it('pending reports pending transactions while nothing is under way', () => {
    const { fn } = openWithMemory('pending')
    const at = fn.hardware.config.capabilities.get(0x10) ?? 0
    assert.equal(fn.config.read(at + 10, 2) & 0x20, 0x20)
    assert.equal(fn.hardware.logic.readPending, false)
  })
})

describe('the streaming device', () => {
  it('identifies itself in memory and in I/O space', () => {
    const { fn } = openWithMemory('flr')
    assert.equal(readWord(fn, streamRegister.id), streamIdentity)
    const bytes = new Uint8Array(4)
    fn.regions[2]?.read(0n, bytes)
    assert.equal(new DataView(bytes.buffer).getUint32(0, true), streamIdentity)
  })
  it('takes accesses of every width', () => {
    const { fn } = openWithMemory('flr')
    const offset = BigInt(streamRegister.scratch)
    writeWord(fn, streamRegister.scratch, 0x1122_3344)
    fn.regions[0]?.write(offset + 1n, Uint8Array.of(0xaa))
    fn.regions[0]?.write(offset + 2n, Uint8Array.of(0xbb, 0xcc))
    assert.equal(readWord(fn, streamRegister.scratch), 0xccbb_aa44)
    fn.regions[0]?.write(BigInt(streamRegister.ringLow), Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0))
    assert.equal(readWord(fn, streamRegister.ringLow), 1)
    assert.equal(readWord(fn, streamRegister.ringHigh), 2)
  })
  it('fills its ring round and round until it is stopped', async () => {
    const { fn, memory } = openWithMemory('flr')
    fn.startDma({ iova, length: 8, periodUs: 10, pattern: 0x100 })
    await fn.clock.sleep(1)
    writeWord(fn, streamRegister.doorbell, 0)
    const transfers = readWord(fn, streamRegister.transfers)
    assert.ok(transfers > 90)
    assert.equal(await landsWithin(fn, 10), 0)
    const view = new DataView(memory.bytes.buffer)
    const last = 0x100 + transfers - 1
    assert.deepEqual(new Set([view.getUint32(0, true), view.getUint32(4, true)]), new Set([last, last - 1]))
    assert.equal(memory.bytes[8], 0xa5)
  })
  it('reads memory too, with a transaction pending meanwhile', async () => {
    const { fn, memory } = openWithMemory('flr')
    new DataView(memory.bytes.buffer).setUint32(0, 0xcafe_f00d, true)
    writeWord(fn, streamRegister.ringLow, Number(iova))
    writeWord(fn, streamRegister.length, 4)
    writeWord(fn, streamRegister.periodUs, 50)
    writeWord(fn, streamRegister.direction, 1)
    setBusMaster(fn, true)
    writeWord(fn, streamRegister.doorbell, 1)
    fn.clock.advance(55)
    assert.equal(fn.hardware.logic.readPending, true)
    fn.clock.advance(20)
    assert.equal(fn.hardware.logic.readPending, false)
    assert.equal(readWord(fn, streamRegister.lastRead), 0xcafe_f00d)
  })
})

describe('Faults', () => {
  it('are written to the ledger as they change, and cleared all at once', () => {
    const { faults, ledger } = createSimulatedFunction('flr')
    faults.set('d3-refused', true)
    faults.set('d3-refused', true)
    faults.set('reset-slow-ms', 5)
    assert.deepEqual(faults.active(), ['reset-slow-ms', 'd3-refused'])
    faults.clearAll()
    assert.deepEqual(faults.active(), [])
    assert.deepEqual(
      ledger.of('fault').map(({ name, value }) => [name, value]),
      [
        ['d3-refused', true],
        ['reset-slow-ms', 5],
        ['reset-slow-ms', 0],
        ['d3-refused', false],
      ],
    )
  })
  it('can be switched by an event, in the middle of anything', async () => {
    const { fn } = await openStreaming('flr')
    fn.clock.schedule(50_000, () => fn.faults.set('config-read-all-ones', true))
    const outcome = await fn.reset()
    assert.equal(!outcome.ok && outcome.errno, 'ENOTTY')
  })
})
