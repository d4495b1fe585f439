import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { DmaBacking } from '../../../src/function/dma.js'
import { DmaDomain } from '../../../src/vfio/dma-domain.js'
import { VfioDmaSpace } from '../../../src/vfio/dma-space.js'
import { FakeIommu, type FakeIommuOptions } from './fake-iommu.js'

const [owner, other] = ['0000:03:00.0', '0000:04:00.0']
const EINVAL = 22
const ENOMEM = 12
const folder = mkdtempSync(join(tmpdir(), 'quiesce-domain-'))
after(() => rmSync(folder, { recursive: true }))

function make(options: FakeIommuOptions = {}) {
  const iommu = new FakeIommu(options)
  const domain = new DmaDomain(iommu)
  return { iommu, domain, space: new VfioDmaSpace(owner, domain, true) }
}

const at = (hostAddress: bigint): DmaBacking => ({ hostAddress })

/** How often a file is mapped into this process. */
const mapsOf = (path: string): number =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(path)).length

describe('an address space for DMA', () => {
  it('maps memory at its address, and a part of it at the part’s', () => {
    const { space, iommu } = make()
    const memory = { bytes: new Uint8Array(0x3000), address: 0x4000n, [Symbol.dispose]: () => {} }
    space.map(0x1000n, memory, 'read')
    space.mapBacking(0x10000n, 0x1000n, { memory, offset: 0x2000n }, 'write')
    space.mapBacking(0x20000n, 0x1000n, at(0x9000n), 'read-write')
    assert.deepEqual(iommu.take(), [
      'map 16384 (12288) at 4096 to read',
      'map 24576 (4096) at 65536 to write',
      'map 36864 (4096) at 131072 to read-write',
    ])
  })

  it('maps no memory that has no address here, nor what lies beyond it', () => {
    const { space, iommu } = make()
    const memory = (address: bigint) => ({ bytes: new Uint8Array(0x2000), address, [Symbol.dispose]: () => {} })
    assert.throws(() => space.map(0n, memory(0n), 'read'), { code: 'USAGE' })
    for (const offset of [0x1000n, -0x1000n]) {
      const backing = { memory: memory(0x4000n), offset }
      assert.throws(() => space.mapBacking(0n, 0x2000n, backing, 'read'), { code: 'USAGE', device: owner })
    }
    assert.deepEqual([iommu.take(), space.mappings], [[], []])
  })

  it('unmaps what lies wholly inside a range, and each mapping once', () => {
    const { space, iommu } = make()
    const [first] = [0x1000n, 0x2000n, 0x4000n].map((iova) => space.mapBacking(iova, 0x1000n, at(iova), 'read'))
    assert.equal(space.unmap(0x1800n, 0x2800n), 0x1000n)
    first?.[Symbol.dispose]()
    first?.[Symbol.dispose]()
    assert.deepEqual(iommu.take().slice(3), ['unmap 8192', 'unmap 4096'])
    assert.deepEqual(
      space.mappings.map(({ iova }) => iova),
      [0x4000n],
    )
  })

  it('keeps a mapping that the kernel does not end', () => {
    const { space, iommu } = make()
    const mapping = space.mapBacking(0x1000n, 0x1000n, at(0x1000n), 'read')
    iommu.stuck.add(0x1000n)
    assert.throws(() => mapping[Symbol.dispose](), { code: 'SYSTEM', errnoName: 'EIO' })
    assert.equal(space.mappings.length, 1)
  })

  it('ends a device’s own mappings, and those of its memory, and leaves the others', () => {
    const { space, domain } = make()
    const beside = new VfioDmaSpace(other, domain, true)
    assert.equal(space.domain, beside.domain)
    const memory = space.allocate(0x1000n)
    space.map(0x1000n, memory, 'read')
    beside.mapBacking(0x2000n, 0x1000n, at(0x1000n), 'read')
    beside.map(0x3000n, memory, 'read')
    memory[Symbol.dispose]()
    const left = () => beside.mappings.map(({ iova }) => iova)
    assert.deepEqual(left(), [0x2000n])
    const its = beside.allocate(0x1000n)
    beside.map(0x3000n, its, 'read')
    space.map(0x5000n, its, 'read')
    beside.unmapOwn()
    assert.deepEqual(left(), [0x2000n, 0x5000n], 'what was mapped for all of them stays')
    domain.forgetMappings()
    assert.deepEqual(left(), [])
  })

  it('reads what the IOMMU can map once, and again after a device has joined', () => {
    const { space, iommu, domain } = make()
    space.mapBacking(0n, 0x1000n, at(0x1000n), 'read')
    space.mapBacking(0x1000n, 0x1000n, at(0x1000n), 'read')
    assert.equal(iommu.calls.filter((call) => call === 'limits').length, 1)
    iommu.last = 0xffffn
    domain.forgetLimits()
    assert.throws(() => space.mapBacking(0x10000n, 0x1000n, at(0x1000n), 'read'), { code: 'DMA_CONFLICT' })
    iommu.mappingsLeft = 7
    assert.equal(space.mappingsLeft, 7)
  })

  it('says what the kernel says where it refuses', () => {
    const { space } = make({ mapMemory: 17 })
    assert.throws(() => space.mapBacking(0n, 0x1000n, at(0x1000n), 'read'), {
      code: 'DMA_CONFLICT',
      syscall: 'ioctl(FAKE)',
      errnoName: 'EEXIST',
    })
  })
})

describe('a file for DMA', () => {
  const path = join(folder, 'memory')
  writeFileSync(path, new Uint8Array(0x4000))
  const fd = openSync(path, 'r+')
  after(() => closeSync(fd))

  it('is mapped by itself where the kernel can', () => {
    const { space, iommu } = make({ mapFile: 0 })
    space.mapBacking(0x1000n, 0x1000n, { fd, offset: 0x2000n }, 'read')
    assert.deepEqual(iommu.take(), [`map file ${fd}+8192 at 4096`])
    assert.equal(mapsOf(path), 0)
  })

  it('is else mapped here for as long as the IOMMU maps it, and no longer', () => {
    for (const options of [{}, { mapFile: EINVAL }]) {
      const { space, iommu } = make(options)
      const mapping = space.mapBacking(0x1000n, 0x1000n, { fd, offset: 0x2000n }, 'read-write')
      assert.equal(iommu.take().at(-1), 'map memory (4096) at 4096 to read-write')
      assert.equal(mapsOf(path), 1)
      mapping[Symbol.dispose]()
      assert.equal(mapsOf(path), 0)
    }
  })

  it('is not left mapped here where the kernel refuses, nor after everything was unmapped', () => {
    const refusing = make({ mapMemory: EINVAL })
    assert.throws(() => refusing.space.mapBacking(0n, 0x1000n, { fd, offset: 0n }, 'read'), { errnoName: 'EINVAL' })
    assert.equal(mapsOf(path), 0)
    const { space, domain } = make()
    space.mapBacking(0n, 0x1000n, { fd, offset: 0n }, 'read')
    assert.equal(mapsOf(path), 1)
    domain.cutOff(owner)
    assert.equal(mapsOf(path), 0)
  })

  it('is not tried another way where memory is what lacks', () => {
    const { space, iommu } = make({ mapFile: ENOMEM })
    assert.throws(() => space.mapBacking(0n, 0x1000n, { fd, offset: 0n }, 'read'), { errnoName: 'ENOMEM' })
    assert.deepEqual(iommu.take(), [`map file ${fd}+0 at 0`])
  })

  it('that is a dma-buf is mapped only where the kernel takes it', () => {
    const { space, iommu } = make({ mapFile: 0 })
    assert.ok(space.backings.has('dmabuf'))
    space.mapBacking(0n, 0x1000n, { dmabuf: 5, offset: 0n }, 'read-write')
    assert.deepEqual(iommu.take(), ['map file 5+0 at 0'])
    for (const options of [{}, { mapFile: EINVAL }]) {
      const without = make(options).space
      assert.throws(() => without.mapBacking(0n, 0x1000n, { dmabuf: 5, offset: 0n }, 'read'), { code: 'UNSUPPORTED' })
    }
    assert.ok(!make().space.backings.has('dmabuf'))
    assert.ok(!new VfioDmaSpace(owner, make({ mapFile: 0 }).domain, false).backings.has('dmabuf'))
  })
})

describe('an address space that is emptied to contain a device', () => {
  it('takes nothing until each contained device is readmitted or closed', () => {
    const { space, domain } = make()
    space.mapBacking(0n, 0x1000n, at(0x1000n), 'read')
    assert.equal(domain.cutOff(owner).ok, true)
    domain.cutOff(other)
    const map = () => space.mapBacking(0n, 0x1000n, at(0x1000n), 'read')
    assert.deepEqual([space.mappings.length, domain.takesMemory], [0, false])
    assert.throws(map, { code: 'DMA_CONFLICT' })
    const refused = domain.readmit(owner)
    assert.deepEqual([!refused.ok && refused.errno, !refused.ok && refused.message.includes(other)], ['EBUSY', true])
    assert.throws(map, { code: 'DMA_CONFLICT', message: new RegExp(other) })
    assert.deepEqual(domain.readmit(other), { ok: true })
    map()
    domain.cutOff(owner)
    domain.release(owner)
    map()
  })

  it('is emptied one by one on kernels that cannot do it at once, as far as it goes', () => {
    const { space, iommu, domain } = make({ canUnmapAll: false })
    for (const iova of [0n, 0x1000n, 0x2000n]) space.mapBacking(iova, 0x1000n, at(0x1000n), 'read')
    iommu.stuck.add(0x1000n)
    iommu.take()
    assert.deepEqual([domain.cutOff(owner).ok, domain.takesMemory], [false, true])
    assert.deepEqual(iommu.take(), ['unmap 0', 'unmap 4096', 'unmap 8192'])
    iommu.stuck.clear()
    assert.equal(domain.cutOff(owner).ok, true)
    assert.deepEqual(space.mappings, [])
  })
})
