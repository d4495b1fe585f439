import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mapError } from '../../../src/vfio/dma-errors.js'
import { checkRange } from '../../../src/vfio/dma-range.js'
import { SortedRanges } from '../../../src/vfio/sorted-ranges.js'

const limits = {
  pageSize: 0x1000n,
  apertures: [
    { first: 0n, last: 0xfedf_ffffn },
    { first: 0xfef0_0000n, last: 0xffff_ffffn },
  ],
}
const mapped = new SortedRanges<{ iova: bigint; size: bigint }>()
mapped.add({ iova: 0x10_0000n, size: 0x2000n })

const check = (iova: bigint, size: bigint) => () => checkRange('0000:00:04.0', iova, size, limits, mapped)

describe('a range for DMA', () => {
  it('is accepted beside a mapping, and up to the end of an aperture', () => {
    for (const [iova, size] of [
      [0x0f_f000n, 0x1000n],
      [0x10_2000n, 0x1000n],
      [0n, 0x10_0000n],
      [0xfedf_f000n, 0x1000n],
      [0xffff_f000n, 0x1000n],
    ] as const) {
      assert.doesNotThrow(check(iova, size))
    }
  })

  const refusals = [
    {
      what: 'overlaps the beginning of a mapping',
      iova: 0x0f_f000n,
      size: 0x2000n,
      says: /0x100000-0x101fff is mapped/,
    },
    { what: 'overlaps the end of a mapping', iova: 0x10_1000n, size: 0x1000n, says: /is mapped already/ },
    { what: 'encloses a mapping', iova: 0n, size: 0x100_0000n, says: /is mapped already/ },
    { what: 'is not aligned', iova: 0x800n, size: 0x1000n, says: /page size \(4096\)/ },
    { what: 'has an odd size', iova: 0n, size: 0x1001n, says: /page size \(4096\)/ },
    { what: 'is empty', iova: 0n, size: 0n, says: /empty/ },
    { what: 'is negative', iova: -0x1000n, size: 0x1000n, says: /negative/ },
    { what: 'lies between the apertures', iova: 0xfee0_0000n, size: 0x1000n, says: /translates only 0x0-0xfedfffff, / },
    { what: 'crosses the gap between them', iova: 0xfedf_f000n, size: 0x20_0000n, says: /translates only/ },
    { what: 'leaves the last one', iova: 0xffff_f000n, size: 0x2000n, says: /translates only/ },
  ]
  for (const { what, iova, size, says } of refusals) {
    it(`is refused where it ${what}`, () => {
      assert.throws(check(iova, size), { code: 'DMA_CONFLICT', device: '0000:00:04.0', message: says })
    })
  }
})

describe('a mapping that the kernel refuses', () => {
  const wanted = { iova: 0x1000n, size: 1n << 30n, owner: '0000:00:04.0' }
  const refuse = (errno: number, limit: bigint | undefined) =>
    mapError(wanted, 'ioctl(VFIO_IOMMU_MAP_DMA)', errno, limit)

  it('for want of pinned memory says what is needed and what is allowed', () => {
    const error = refuse(12, 8n << 20n)
    assert.equal(error.code, 'MEMLOCK')
    assert.match(error.message, /may pin 8388608 bytes/)
    assert.match(error.hint ?? '', /1073741824 bytes more .* ulimit -l/)
  })

  it('does not blame a limit that is not there', () => {
    assert.equal(refuse(12, undefined).code, 'SYSTEM')
  })

  it('because of an overlap is a conflict', () => {
    assert.equal(refuse(17, undefined).code, 'DMA_CONFLICT')
  })

  it('because there are too many says where the limit is', () => {
    assert.match(refuse(28, 1n).hint ?? '', /dma_entry_limit/)
  })

  it('for any other reason keeps the errno', () => {
    const error = refuse(22, undefined)
    assert.deepEqual([error.code, error.errnoName, error.device], ['SYSTEM', 'EINVAL', '0000:00:04.0'])
  })
})
