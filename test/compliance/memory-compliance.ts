// What a PhysicalFunction must do about DMA.
import assert from 'node:assert/strict'
import { QuiesceError } from '../../src/errors/quiesce-error.js'
import type { DmaBacking, DmaBackingKind } from '../../src/function/dma.js'
import type { PhysicalFunction } from '../../src/function/physical-function.js'
import type { ComplianceDevice } from './compliance-fixture.js'
import { assertNotKernel, type Check, canary, command, iova, setCommand, throwsCode } from './compliance-steps.js'
import { MemoryFile } from './memory-file.js'

export function memory(device: ComplianceDevice, check: Check): void {
  check('memory is zeroed, and as large as asked for', ({ dma }) => {
    using memory = dma.allocate(2n * dma.pageSize)
    assert.equal(BigInt(memory.bytes.byteLength), 2n * dma.pageSize)
    assert.ok(memory.bytes.every((byte) => byte === 0))
  })
  check('a mapping is listed until it is disposed, once or twice', ({ dma }) => {
    using memory = dma.allocate(dma.pageSize)
    const mapping = dma.map(iova, memory, 'read-write')
    assert.deepEqual(
      dma.mappings.map(({ iova: at, size, access }) => ({ at, size, access })),
      [{ at: iova, size: dma.pageSize, access: 'read-write' }],
    )
    mapping[Symbol.dispose]()
    mapping[Symbol.dispose]()
    assert.equal(dma.mappings.length, 0)
  })
  check('what overlaps, or is not aligned, is not mapped', ({ dma }) => {
    using memory = dma.allocate(2n * dma.pageSize)
    using other = dma.allocate(dma.pageSize)
    using _mapping = dma.map(iova, memory, 'read-write')
    throwsCode('DMA_CONFLICT', () => dma.map(iova + dma.pageSize, other, 'read-write'))
    throwsCode('DMA_CONFLICT', () => dma.map(iova + 4n * dma.pageSize + 1n, other, 'read-write'))
    assert.equal(dma.mappings.length, 1)
  })
  check('unmapping a range says how many bytes went, and leaves the rest', ({ dma }) => {
    using memory = dma.allocate(dma.pageSize)
    using other = dma.allocate(dma.pageSize)
    using _first = dma.map(iova, memory, 'read-write')
    using _second = dma.map(iova + 8n * dma.pageSize, other, 'read')
    assert.equal(dma.unmap(iova, 4n * dma.pageSize), dma.pageSize)
    assert.deepEqual(
      dma.mappings.map((mapping) => mapping.iova),
      [iova + 8n * dma.pageSize],
    )
    assert.equal(dma.unmap(iova, dma.pageSize), 0n)
  })
  check('the last page of every aperture can be mapped, and none beyond', ({ dma }) => {
    using memory = dma.allocate(dma.pageSize)
    using two = dma.allocate(2n * dma.pageSize)
    assert.ok(dma.apertures.length > 0)
    for (const { first, last } of dma.apertures) {
      for (const at of [first, last + 1n - dma.pageSize]) dma.map(at, memory, 'read-write')[Symbol.dispose]()
      throwsCode('DMA_CONFLICT', () => dma.map(last + 1n - dma.pageSize, two, 'read-write'))
    }
    throwsCode('DMA_CONFLICT', () => dma.map(2n ** 64n - dma.pageSize, two, 'read-write'))
    throwsCode('DMA_CONFLICT', () => dma.map(-dma.pageSize, memory, 'read-write'))
    assert.equal(dma.mappings.length, 0)
  })
  check('what is no whole page is not mapped, nor what lies beyond the memory', ({ dma }) => {
    using memory = dma.allocate(2n * dma.pageSize)
    const map = (size: bigint, offset: bigint) => () => dma.mapBacking(iova, size, { memory, offset }, 'read')
    for (const size of [0n, 1n, dma.pageSize + 1n]) throwsCode('DMA_CONFLICT', map(size, 0n))
    assert.throws(map(2n * dma.pageSize, dma.pageSize), QuiesceError)
    assert.throws(map(dma.pageSize, -dma.pageSize), QuiesceError)
    assert.equal(dma.mappings.length, 0)
  })
  check('ranges are mapped and unmapped in any order', ({ dma }) => {
    using memory = dma.allocate(dma.pageSize)
    const places = [5n, 1n, 3n, 0n, 4n, 2n].map((index) => iova + index * dma.pageSize)
    for (const at of places) dma.map(at, memory, 'read-write')
    for (const at of places) throwsCode('DMA_CONFLICT', () => dma.map(at, memory, 'read'))
    assert.equal(dma.unmap(iova + dma.pageSize, 3n * dma.pageSize), 3n * dma.pageSize)
    const left = dma.mappings.map((mapping) => (mapping.iova - iova) / dma.pageSize)
    assert.deepEqual(left.sort(), [0n, 4n, 5n])
    assert.equal(dma.unmap(0n, 2n ** 64n), 3n * dma.pageSize)
  })
  check('it counts the mappings that are left, or says nothing of them', ({ dma }) => {
    const before = dma.mappingsLeft
    using memory = dma.allocate(dma.pageSize)
    using _mapping = dma.map(iova, memory, 'read-write')
    assert.equal(dma.mappingsLeft, before === undefined ? undefined : before - 1)
  })
  check('it is of one address space, and of that one always', ({ dma }) => {
    assert.equal(dma.domain, dma.domain)
    assert.deepEqual(dma.sharedWith, [])
    assert.ok(dma.backings.has('memory'))
  })
  check('memory of a kind that cannot be mapped is refused', ({ dma }) => {
    const strangers: readonly (readonly [DmaBackingKind, DmaBacking])[] = [
      ['fd', { fd: 0, offset: 0n }],
      ['hostAddress', { hostAddress: 0x10_0000n }],
      ['dmabuf', { dmabuf: 0, offset: 0n }],
    ]
    for (const [kind, backing] of strangers.filter(([each]) => !dma.backings.has(each))) {
      throwsCode('UNSUPPORTED', () => dma.mapBacking(iova, dma.pageSize, backing, 'read-write'))
      assert.equal(dma.mappings.length, 0, kind)
    }
  })
  check('readmitting what is not contained changes nothing', (fn) => {
    using memory = fn.dma.allocate(fn.dma.pageSize)
    using _mapping = fn.dma.map(iova, memory, 'read-write')
    assert.deepEqual(fn.readmit(), { ok: true })
    assert.equal(fn.dma.mappings.length, 1)
  })
  const { transfer } = device
  if (transfer === undefined) return
  const run = async (fn: PhysicalFunction): Promise<void> => {
    setCommand(fn, command.memory | command.busMaster, 0)
    transfer.start(fn, iova)
    await fn.clock.sleep(transfer.landsWithinMs)
    setCommand(fn, 0, command.busMaster)
  }
  const isTouched = (bytes: Uint8Array): boolean => bytes.some((byte) => byte !== canary)
  /** Whether a transfer landed after something was done in the middle of it; undefined if it had landed by then. */
  const landsAfter = async (fn: PhysicalFunction, cut: () => void): Promise<boolean | undefined> => {
    using memory = fn.dma.allocate(fn.dma.pageSize)
    memory.bytes.fill(canary)
    using _mapping = fn.dma.map(iova, memory, 'read-write')
    setCommand(fn, command.memory | command.busMaster, 0)
    transfer.start(fn, iova)
    cut()
    const wasLate = isTouched(memory.bytes)
    await fn.clock.sleep(transfer.landsWithinMs)
    // Nothing of it may run into the next test.
    setCommand(fn, 0, command.busMaster)
    return wasLate ? undefined : isTouched(memory.bytes)
  }
  /** A machine that stands still at the wrong moment lets a transfer end before it is cut: then once more. */
  const isCut = async (fn: PhysicalFunction, cut: () => void, undo = (): void => {}): Promise<void> => {
    for (let round = 0; round < 5; round++) {
      const hasLanded = await landsAfter(fn, cut)
      if (hasLanded !== undefined) {
        assert.equal(hasLanded, false)
        return
      }
      undo()
    }
    assert.fail('no transfer was in flight when it was cut')
  }
  check('a transfer of the device lands in mapped memory', async (fn) => {
    assert.notEqual(await landsAfter(fn, () => {}), false)
  })
  check('a transfer in flight does not land once Bus Master is off', (fn) =>
    isCut(fn, () => setCommand(fn, 0, command.busMaster)),
  )
  check('a transfer in flight does not land once its memory is unmapped', (fn) =>
    isCut(fn, () => assert.equal(fn.dma.unmap(iova, fn.dma.pageSize), fn.dma.pageSize)),
  )
  check('a transfer in flight does not land once the device is contained', (fn) => {
    const contain = (): void => assert.equal(fn.contain().ok, true)
    return isCut(fn, contain, () => assert.equal(fn.readmit().ok, true))
  })
  check('memory offered after the device was contained is out of its reach', async (fn) => {
    using memory = fn.dma.allocate(fn.dma.pageSize)
    memory.bytes.fill(canary)
    const outcome = fn.contain()
    assert.equal(outcome.ok, true)
    const map = () => fn.dma.map(iova, memory, 'read-write')
    // An empty container contains only for as long as it is empty; a detached device sees no mapping at all.
    if (outcome.ok && outcome.method === 'unmap-all') throwsCode('DMA_CONFLICT', map)
    else map()
    setCommand(fn, command.memory | command.busMaster, 0)
    try {
      transfer.start(fn, iova)
    } catch (error) {
      // One that needs queues in memory does not even get so far.
      if (!(error instanceof QuiesceError) || error.code !== 'DMA_CONFLICT') throw error
    }
    await fn.clock.sleep(transfer.landsWithinMs)
    assert.ok(memory.bytes.every((byte) => byte === canary))
    setCommand(fn, 0, command.busMaster)
  })
  check('once it is readmitted it reaches what is mapped then', async (fn) => {
    using memory = fn.dma.allocate(fn.dma.pageSize)
    memory.bytes.fill(canary)
    const map = (): void => void fn.dma.map(iova, memory, 'read-write')
    map()
    const outcome = fn.contain()
    assert.equal(outcome.ok, true)
    assert.deepEqual(fn.readmit(), { ok: true })
    // A detached device finds its mappings as they were; where everything was unmapped they are made anew.
    assert.equal(fn.dma.mappings.length, outcome.ok && outcome.method === 'detach' ? 1 : 0)
    if (fn.dma.mappings.length === 0) map()
    setCommand(fn, command.memory | command.busMaster, 0)
    transfer.start(fn, iova)
    await fn.clock.sleep(transfer.landsWithinMs)
    assert.ok(memory.bytes.some((byte) => byte !== canary))
    setCommand(fn, 0, command.busMaster)
  })
  check('a transfer lands in that part of the memory which is mapped', async (fn) => {
    const page = Number(fn.dma.pageSize)
    using memory = fn.dma.allocate(3n * fn.dma.pageSize)
    memory.bytes.fill(canary)
    using _mapping = fn.dma.mapBacking(iova, fn.dma.pageSize, { memory, offset: fn.dma.pageSize }, 'read-write')
    await run(fn)
    const touched = [0, 1, 2].map((at) => memory.bytes.subarray(at * page, (at + 1) * page).some((b) => b !== canary))
    assert.deepEqual(touched, [false, true, false])
  })
  check('a transfer lands in memory that is named by its address', async (fn) => {
    if (!fn.dma.backings.has('hostAddress')) return assertNotKernel(fn)
    using memory = fn.dma.allocate(fn.dma.pageSize)
    memory.bytes.fill(canary)
    using _mapping = fn.dma.mapBacking(iova, fn.dma.pageSize, { hostAddress: memory.address }, 'read-write')
    await run(fn)
    assert.ok(memory.bytes.some((byte) => byte !== canary))
  })
  check('a transfer lands in a file, at its offset, and not once it is unmapped', async (fn) => {
    if (!fn.dma.backings.has('fd')) return assertNotKernel(fn)
    const page = Number(fn.dma.pageSize)
    using file = new MemoryFile(3 * page, canary)
    const mapping = fn.dma.mapBacking(iova, fn.dma.pageSize, { fd: file.fd, offset: BigInt(page) }, 'read-write')
    await run(fn)
    const touched = () => [0, 1, 2].map((at) => file.read(at * page, page).some((byte) => byte !== canary))
    assert.deepEqual(touched(), [false, true, false])
    file.fill(canary)
    mapping[Symbol.dispose]()
    await run(fn)
    assert.deepEqual(touched(), [false, false, false])
  })
  check('a device that may only read memory does not change it', async (fn) => {
    using memory = fn.dma.allocate(fn.dma.pageSize)
    memory.bytes.fill(canary)
    using _mapping = fn.dma.map(iova, memory, 'read')
    await run(fn)
    assert.ok(memory.bytes.every((byte) => byte === canary))
  })
}
