import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { SimulatedMachine } from '../../../src/sim/simulated-machine.js'
import { iova, landsWithin, openStreaming, openWithMemory, setBusMaster } from './open-model.js'

describe('DMA of a device', () => {
  it('goes on by itself, into mapped memory only', async () => {
    const { fn, memory } = await openStreaming('flr')
    assert.ok((await landsWithin(fn, 10)) > 90)
    assert.equal(new DataView(memory.bytes.buffer).getUint32(0, true), 0xd00d_0000)
    assert.equal(new DataView(memory.bytes.buffer).getUint32(4, true), 0xd00d_0001)
  })
  it('stops with Bus Master, and goes on when it comes back', async () => {
    const { fn } = await openStreaming('flr')
    setBusMaster(fn, false)
    assert.equal(await landsWithin(fn, 100), 0)
    assert.equal(fn.ledger.of('dma').at(-1)?.reason, 'bus-master-off')
    setBusMaster(fn, true)
    assert.notEqual(await landsWithin(fn, 10), 0)
  })
  it('a write that was posted before Bus Master went off still lands, unless Command is read back', async () => {
    const lateAfter = async (readBack: boolean): Promise<number> => {
      const { fn } = openWithMemory('flr')
      fn.startDma({ iova, periodUs: 1_000 })
      const command = fn.config.read(0x04, 2)
      // Between the kernel's read of Command, after 1 us, and its write, after 2.
      fn.clock.advance(997)
      fn.config.write(0x04, 2, command & ~0x6)
      if (readBack) fn.config.read(0x04, 2)
      const quietAt = fn.clock.now()
      await fn.clock.sleep(10)
      return fn.ledger.landedAfter(quietAt).length
    }
    assert.equal(await lateAfter(false), 1)
    assert.equal(await lateAfter(true), 0)
  })
  it('faults at the IOMMU where memory is not mapped, or not for writing', async () => {
    const { fn, mapping } = await openStreaming('flr')
    mapping[Symbol.dispose]()
    assert.equal(await landsWithin(fn, 10), 0)
    assert.equal(fn.ledger.of('dma').at(-1)?.reason, 'iommu-unmapped')
    using readOnly = fn.dma.allocate(4096n)
    using _mapping = fn.dma.map(iova, readOnly, 'read')
    assert.equal(await landsWithin(fn, 10), 0)
    assert.equal(fn.ledger.of('dma').at(-1)?.reason, 'iommu-access')
  })
  it('carries the owner for whom it was programmed', async () => {
    const { fn } = await openStreaming('flr')
    assert.equal(fn.ledger.foreignCount, 0)
    fn.ledger.handOver()
    assert.notEqual(await landsWithin(fn, 10), 0)
    assert.equal(fn.ledger.foreignCount, fn.ledger.foreignLandings().length)
    assert.ok(fn.ledger.foreignCount > 0)
    fn.startDma({ iova })
    fn.config.read(0x08, 4)
    const before = fn.ledger.foreignCount
    assert.notEqual(await landsWithin(fn, 10), 0)
    assert.equal(fn.ledger.foreignCount, before)
  })
  it('blocked requests in a row are one entry with a count', async () => {
    const { fn } = await openStreaming('flr')
    assert.equal(fn.contain().ok, true)
    await fn.clock.sleep(10)
    const [entry, ...others] = fn.ledger.blockedAfter(0)
    assert.ok((entry?.count ?? 0) > 50)
    assert.equal(others.length, 0)
  })
})

describe('containment', () => {
  it('by detaching leaves the mappings and lets nothing through, however dead the device is', async () => {
    const { fn } = await openStreaming('deaf')
    assert.deepEqual(fn.contain(), { ok: true, method: 'detach', alsoContained: [] })
    assert.equal(await landsWithin(fn, 10), 0)
    assert.equal(fn.ledger.of('dma').at(-1)?.reason, 'iommu-detached')
    assert.equal(fn.dma.mappings.length, 1)
  })
  it('by unmapping takes along whoever shares the memory', async () => {
    const { fn } = await openStreaming('flr', { containment: 'unmap-all' })
    const other = createSimulatedFunction('af-flr', { machine: fn.machine, shareDmaWith: fn })
    assert.deepEqual(fn.dma.sharedWith, ['sim:af-flr'])
    other.startDma({ iova })
    assert.notEqual(await landsWithin(other, 5), 0)
    assert.deepEqual(fn.contain(), { ok: true, method: 'unmap-all', alsoContained: ['sim:af-flr'] })
    assert.equal(await landsWithin(fn, 10), 0)
    assert.equal(await landsWithin(other, 10), 0)
  })
  it('by unmapping lasts: nobody maps memory that the device would see, until it is closed', async () => {
    const { fn, memory } = await openStreaming('flr', { containment: 'unmap-all' })
    const { machine } = fn
    const other = createSimulatedFunction('af-flr', { machine, shareDmaWith: fn })
    assert.equal(fn.contain().ok, true)
    for (const [device, says] of [
      [other, /sim:flr in the same container is contained/],
      [fn, /it is contained/],
    ] as const) {
      assert.throws(
        () => device.dma.map(iova, memory, 'read-write'),
        (error) =>
          error instanceof QuiesceError &&
          error.code === 'DMA_CONFLICT' &&
          says.test(error.message) &&
          error.hint === 'Close sim:flr first',
      )
    }
    assert.equal(await landsWithin(fn, 10), 0)
    fn[Symbol.dispose]()
    other.dma.map(iova, memory, 'read-write')
    other.startDma({ iova })
    assert.notEqual(await landsWithin(other, 5), 0)
  })
  it('that fails says so, changes nothing, and can be tried again', async () => {
    for (const [containment, fault] of [
      ['detach', 'detach-fails'],
      ['unmap-all', 'unmap-fails'],
    ] as const) {
      const { fn } = await openStreaming('flr', { containment, faults: { [fault]: 'EBUSY' } })
      const outcome = fn.contain()
      assert.equal(!outcome.ok && outcome.errno, 'EBUSY')
      assert.notEqual(await landsWithin(fn, 10), 0)
      fn.faults.clear(fault)
      assert.equal(fn.contain().ok, true)
      assert.equal(await landsWithin(fn, 10), 0)
      fn.faults.set(fault, 'EBUSY')
      assert.equal(fn.contain().ok, true, 'it is contained already')
    }
  })
  it('unmapping that fails throws, and the memory stays mapped', async () => {
    const { fn, mapping } = await openStreaming('flr', { faults: { 'unmap-fails': 'EIO' } })
    const refused = (error: unknown): boolean => error instanceof QuiesceError && error.errnoName === 'EIO'
    assert.throws(() => mapping[Symbol.dispose](), refused)
    assert.throws(() => fn.dma.unmap(0n, 1n << 40n), refused)
    assert.equal(fn.dma.mappings.length, 1)
  })
})

describe('the memory of a simulated machine', () => {
  it('outside what the IOMMU translates, nothing is mapped', () => {
    const { fn, memory } = openWithMemory('flr')
    const isConflict = (error: unknown): boolean => error instanceof QuiesceError && error.code === 'DMA_CONFLICT'
    assert.throws(() => fn.dma.map(0xfee0_0000n, memory, 'write'), isConflict)
    assert.throws(() => fn.dma.map(1n << 48n, memory, 'write'), isConflict)
    assert.throws(() => fn.dma.map(-4096n, memory, 'write'), isConflict)
  })
  it('of no size, or disposed, is not mapped', () => {
    const { fn, memory } = openWithMemory('flr')
    assert.throws(() => fn.dma.allocate(0n), QuiesceError)
    memory[Symbol.dispose]()
    assert.throws(() => fn.dma.map(0n, memory, 'write'), QuiesceError)
  })
})

describe('opening and closing', () => {
  it('what is mapped for all who share an address space ends with the last of them', () => {
    const { fn, memory } = openWithMemory('flr')
    const other = createSimulatedFunction('af-flr', { machine: fn.machine, shareDmaWith: fn })
    fn.dma.map(0x8000_0000n, memory, 'read-write')
    const shared = fn.dma.mapBacking(0x9000_0000n, 0x1000n, { memory, offset: 0n }, 'read')
    fn[Symbol.dispose]()
    assert.deepEqual(
      other.dma.mappings.map(({ iova }) => iova),
      [0x9000_0000n],
    )
    other[Symbol.dispose]()
    assert.deepEqual(other.dma.mappings, [])
    shared[Symbol.dispose]()
  })
  it('closing takes the device off the bus, resets it if it can be, and detaches it', async () => {
    const { fn } = await openStreaming('flr')
    fn[Symbol.dispose]()
    assert.equal(fn.hardware.busMaster, false)
    assert.equal(fn.hardware.isDirty, false)
    assert.equal(fn.hardware.master.attachment.domain, undefined)
    assert.equal(fn.machine.open.size, 0)
  })
  it('what cannot be reset is as it was left when it is opened again, without Bus Master', async () => {
    const machine = new SimulatedMachine()
    const { fn } = await openStreaming('no-reset', { machine })
    fn[Symbol.dispose]()
    const { fn: again } = openWithMemory('no-reset', { machine })
    assert.equal(again.hardware, fn.hardware)
    assert.equal(again.hardware.isDirty, true)
    assert.equal(again.hardware.busMaster, false)
    again.ledger.handOver()
    setBusMaster(again, true)
    await again.clock.sleep(10)
    assert.ok(again.ledger.foreignCount > 0)
  })
  it('in the middle of a reset it is held until that ends, and can be contained meanwhile', async () => {
    const { fn } = await openStreaming('flr', { containment: 'unmap-all', faults: { 'reset-never-returns': true } })
    const { machine, domain } = { machine: fn.machine, domain: fn.dma.domain }
    const resetting = fn.reset()
    fn[Symbol.dispose]()
    assert.throws(
      () => fn.config.read(0x00, 2),
      (error) => error instanceof QuiesceError && error.code === 'CLOSED',
    )
    assert.throws(
      () => createSimulatedFunction('flr', { machine }),
      (error) => error instanceof QuiesceError && error.code === 'BUSY',
    )
    assert.equal(fn.contain().ok, true)
    assert.deepEqual([...domain.contained], ['sim:flr'])
    fn.faults.clear('reset-never-returns')
    assert.deepEqual(await resetting, { ok: true })
    assert.deepEqual([...domain.contained, ...domain.members], [])
    assert.equal(fn.hardware.busMaster, false)
    assert.throws(() => fn.contain(), QuiesceError)
    createSimulatedFunction('flr', { machine })[Symbol.dispose]()
  })
  it('what is open cannot be opened again in the same machine', () => {
    const fn = createSimulatedFunction('flr')
    assert.throws(
      () => createSimulatedFunction('flr', { machine: fn.machine }),
      (error) => error instanceof QuiesceError && error.code === 'BUSY',
    )
  })
  it('a model that does not exist is named, with those that do', () => {
    assert.throws(
      () => createSimulatedFunction('sim:toaster'),
      (error) => error instanceof QuiesceError && error.code === 'NO_DEVICE' && /sim:toaster/.test(error.message),
    )
  })
  it('everything but disposing is refused once it is closed', async () => {
    const fn = createSimulatedFunction('flr')
    fn[Symbol.dispose]()
    const isClosed = (error: unknown): boolean => error instanceof QuiesceError && error.code === 'CLOSED'
    assert.throws(() => fn.config.write(0x04, 2, 0), isClosed)
    assert.throws(() => fn.reset(), isClosed)
    assert.throws(() => fn.hotResetScope(), isClosed)
    assert.throws(() => fn.contain(), isClosed)
    assert.throws(() => fn.interrupts.enable('msi', [{ signal: () => {} }]), isClosed)
  })
})

describe('the end of a containment', () => {
  it('attaches the device again, to what is mapped by then', async () => {
    const { fn } = await openStreaming('flr')
    assert.equal(fn.contain().ok, true)
    assert.equal(await landsWithin(fn, 10), 0)
    assert.deepEqual(fn.readmit(), { ok: true })
    assert.notEqual(await landsWithin(fn, 10), 0)
    const calls = fn.ledger.of('kernel-call').filter(({ call }) => call === 'readmit')
    assert.deepEqual(
      calls.map(({ phase, outcome }) => [phase, outcome]),
      [
        ['begin', undefined],
        ['end', 'ok'],
      ],
    )
    assert.deepEqual(
      fn.ledger
        .of('iommu')
        .slice(-2)
        .map(({ what }) => what),
      ['detach', 'attach'],
    )
  })
  it('lets memory be mapped again after it was unmapped, which alone lets nothing through', async () => {
    const { fn, memory } = await openStreaming('flr', { containment: 'unmap-all' })
    assert.equal(fn.contain().ok, true)
    assert.deepEqual(fn.readmit(), { ok: true })
    assert.equal(await landsWithin(fn, 10), 0)
    fn.dma.map(iova, memory, 'read-write')
    assert.notEqual(await landsWithin(fn, 10), 0)
  })
  it('is refused while another contained device would reach the memory, and does nothing where there is none', () => {
    const { fn } = openWithMemory('flr', { containment: 'unmap-all' })
    assert.deepEqual(fn.readmit(), { ok: true })
    assert.equal(fn.dma.mappings.length, 1)
    const other = createSimulatedFunction('af-flr', {
      machine: fn.machine,
      shareDmaWith: fn,
      containment: 'unmap-all',
    })
    fn.contain()
    other.contain()
    const outcome = fn.readmit()
    assert.equal(!outcome.ok && outcome.errno, 'EBUSY')
    other[Symbol.dispose]()
    assert.deepEqual(fn.readmit(), { ok: true })
  })
  it('is refused during a reset, and once it is closed', async () => {
    const { fn } = openWithMemory('flr')
    const reset = fn.reset()
    const outcome = fn.readmit()
    assert.equal(!outcome.ok && outcome.errno, 'EBUSY')
    await reset
    fn[Symbol.dispose]()
    assert.throws(() => fn.readmit(), { code: 'CLOSED' })
  })
})

describe('mapping a part of memory', () => {
  it('shows the device that part, of memory that anybody made', async () => {
    const fn = createSimulatedFunction('flr')
    const memory = { bytes: new Uint8Array(0x3000), address: 0n, [Symbol.dispose]: () => {} }
    fn.dma.mapBacking(iova, 4096n, { memory, offset: 0x1000n }, 'read-write')
    fn.startDma({ iova, length: 4096 })
    await fn.clock.sleep(5)
    assert.ok(memory.bytes.subarray(0x1000, 0x2000).some((byte) => byte !== 0))
    assert.ok([...memory.bytes.subarray(0, 0x1000), ...memory.bytes.subarray(0x2000)].every((byte) => byte === 0))
  })
  it('is refused beyond its end, off its pages, and for what is no memory of this process', () => {
    const fn = createSimulatedFunction('flr')
    const memory = fn.dma.allocate(0x2000n)
    for (const [size, offset] of [
      [0x2000n, 0x1000n],
      [0x1000n, 0x800n],
      [0x1000n, -0x1000n],
    ] as const) {
      assert.throws(() => fn.dma.mapBacking(iova, size, { memory, offset }, 'read'), { code: 'DMA_CONFLICT' })
    }
    for (const backing of [{ fd: 3, offset: 0n }, { hostAddress: 0x1000n }, { dmabuf: 3, offset: 0n }]) {
      assert.throws(() => fn.dma.mapBacking(iova, 0x1000n, backing, 'read'), { code: 'UNSUPPORTED' })
    }
    assert.deepEqual([...fn.dma.backings], ['memory'])
  })
  it('is refused beyond the number of mappings that the machine takes', () => {
    const fn = createSimulatedFunction('flr', { machine: new SimulatedMachine({ mappingLimit: 2 }) })
    const memory = fn.dma.allocate(0x1000n)
    assert.equal(createSimulatedFunction('flr').dma.mappingsLeft, undefined)
    assert.equal(fn.dma.mappingsLeft, 2)
    fn.dma.map(iova, memory, 'read')
    const second = fn.dma.map(iova + 0x1000n, memory, 'read')
    assert.equal(fn.dma.mappingsLeft, 0)
    assert.throws(() => fn.dma.map(iova + 0x2000n, memory, 'read'), { code: 'SYSTEM', errnoName: 'ENOSPC' })
    second[Symbol.dispose]()
    fn.dma.map(iova + 0x2000n, memory, 'read')
  })
})
