import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IovaRange, Type1DmaAvail, Type1Info, Type1IovaRangeCap } from '../../../src/vfio/abi/vfio-structs.js'
import { parseType1Info } from '../../../src/vfio/type1-info.js'

const flag = { pageSizes: 1, caps: 2 } as const
const everything = [{ first: 0n, last: 2n ** 64n - 1n }]

function info(values: Parameters<typeof Type1Info.encode>[0], length = 128): Uint8Array {
  return Type1Info.encode(values, new Uint8Array(length))
}

describe('type1 info', () => {
  it('maps in the smallest page that the IOMMU has', () => {
    const bytes = info({ flags: flag.pageSizes, iova_pgsizes: 0x4020_1000n })
    assert.equal(parseType1Info(bytes, 4096).pageSize, 0x1000n)
    assert.equal(parseType1Info(info({ flags: flag.pageSizes, iova_pgsizes: 1n << 16n }), 4096).pageSize, 0x10000n)
  })

  it('falls back to the page of the machine where the kernel names none', () => {
    assert.equal(parseType1Info(info({ flags: 0, iova_pgsizes: 0x4000n }), 4096).pageSize, 4096n)
    assert.equal(parseType1Info(info({ flags: flag.pageSizes, iova_pgsizes: 0n }), 65536).pageSize, 65536n)
  })

  it('reads the apertures, wherever an older kernel puts them', () => {
    // Before the struct was padded to 24 bytes, capabilities began at 20.
    for (const offset of [20, 24, 40]) {
      const bytes = info({ flags: flag.caps, cap_offset: offset })
      Type1IovaRangeCap.encode({ id: 1, version: 1, next: 0, nr_iovas: 2 }, bytes, offset)
      IovaRange.encode({ start: 0n, end: 0xfedf_ffffn }, bytes, offset + 16)
      IovaRange.encode({ start: 0xfef0_0000n, end: 0xffff_ffff_ffffn }, bytes, offset + 32)
      assert.deepEqual(parseType1Info(bytes, 4096).apertures, [
        { first: 0n, last: 0xfedf_ffffn },
        { first: 0xfef0_0000n, last: 0xffff_ffff_ffffn },
      ])
    }
  })

  it('takes the whole address space where the kernel names no apertures, or names them badly', () => {
    assert.deepEqual(parseType1Info(info({ flags: 0, cap_offset: 24 }), 4096).apertures, everything)
    const bytes = info({ flags: flag.caps, cap_offset: 24 })
    Type1IovaRangeCap.encode({ id: 1, nr_iovas: 1000 }, bytes, 24)
    assert.deepEqual(parseType1Info(bytes, 4096).apertures, everything)
  })

  it('reads how many mappings are left', () => {
    const bytes = info({ flags: flag.caps, cap_offset: 24 })
    Type1DmaAvail.encode({ id: 3, version: 1, next: 0, avail: 65535 }, bytes, 24)
    assert.equal(parseType1Info(bytes, 4096).mappingsLeft, 65535)
    assert.equal(parseType1Info(info({ flags: 0 }), 4096).mappingsLeft, undefined)
  })
})
