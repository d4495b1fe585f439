import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  InfoCapHeader,
  RegionInfo,
  RegionSparseMmapArea,
  RegionSparseMmapCap,
  RegionTypeCap,
} from '../../../src/vfio/abi/vfio-structs.js'
import { parseRegionInfo } from '../../../src/vfio/region-info.js'

const flag = { read: 1, write: 2, mmap: 4, caps: 8 } as const
const size = 0x4000n

function info(flags: number, capabilities: (bytes: Uint8Array) => void = () => {}, length = 128): Uint8Array {
  const bytes = new Uint8Array(length)
  RegionInfo.encode({ flags, index: 2, cap_offset: RegionInfo.size, size, offset: 2n << 40n }, bytes)
  capabilities(bytes)
  return bytes
}

const sparse =
  (count: number, ...areas: { offset: bigint; size: bigint }[]) =>
  (bytes: Uint8Array) => {
    RegionSparseMmapCap.encode({ id: 1, version: 1, next: 0, nr_areas: count }, bytes, RegionInfo.size)
    for (const [index, area] of areas.entries()) {
      const at = RegionInfo.size + RegionSparseMmapCap.size + index * RegionSparseMmapArea.size
      RegionSparseMmapArea.encode(area, bytes, at)
    }
  }

describe('region info', () => {
  it('says size, place and access', () => {
    const region = parseRegionInfo(info(flag.read))
    assert.deepEqual(
      [region.index, region.size, region.start, region.readable, region.writable],
      [2, size, 2n << 40n, true, false],
    )
    assert.deepEqual(region.mappable, [])
  })

  it('without sparse areas lets all of a mappable region be mapped', () => {
    assert.deepEqual(parseRegionInfo(info(flag.mmap)).mappable, [{ offset: 0n, size }])
  })

  it('with sparse areas lets only those be mapped', () => {
    const areas = [
      { offset: 0n, size: 0x1000n },
      { offset: 0x2000n, size: 0x2000n },
    ]
    const region = parseRegionInfo(info(flag.mmap | flag.caps, sparse(2, ...areas)))
    assert.deepEqual(region.mappable, areas)
  })

  it('ignores sparse areas where the region may not be mapped at all', () => {
    const region = parseRegionInfo(info(flag.caps, sparse(1, { offset: 0n, size: 0x1000n })))
    assert.deepEqual(region.mappable, [])
  })

  it('lets nothing be mapped where the list of areas is cut short', () => {
    const region = parseRegionInfo(info(flag.mmap | flag.caps, sparse(0xffff_ffff)))
    assert.deepEqual(region.mappable, [])
    const truncated = info(flag.mmap | flag.caps, (bytes) => InfoCapHeader.encode({ id: 1 }, bytes, 32), 40)
    assert.deepEqual(parseRegionInfo(truncated).mappable, [])
  })

  it('drops areas that are empty or leave the region', () => {
    const areas = [
      { offset: 0n, size: 0n },
      { offset: 0x3000n, size: 0x2000n },
      { offset: 0x1000n, size: 0x1000n },
    ]
    const region = parseRegionInfo(info(flag.mmap | flag.caps, sparse(3, ...areas)))
    assert.deepEqual(region.mappable, [{ offset: 0x1000n, size: 0x1000n }])
  })

  it('knows the mappable MSI-X table, and the type of a region beyond PCI', () => {
    const region = parseRegionInfo(
      info(flag.caps, (bytes) => {
        InfoCapHeader.encode({ id: 3, version: 1, next: 48 }, bytes, 32)
        RegionTypeCap.encode({ id: 2, version: 1, next: 0, type: 0x8000_8086, subtype: 1 }, bytes, 48)
      }),
    )
    assert.equal(region.msixMappable, true)
    assert.deepEqual(region.type, { type: 0x8000_8086, subtype: 1 })
  })

  it('reads no type from a capability that is cut short', () => {
    const bytes = info(flag.caps, (into) => InfoCapHeader.encode({ id: 2 }, into, 32), 40)
    assert.equal(parseRegionInfo(bytes).type, undefined)
  })
})
