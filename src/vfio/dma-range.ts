// What can be said of a DMA range without asking the kernel, whose answer to all of it is EINVAL.

import { hex } from '../bits/hex.js'
import { QuiesceError } from '../errors/quiesce-error.js'

interface Range {
  readonly iova: bigint
  readonly size: bigint
}

/** What is mapped, and can say what overlaps. */
interface Mapped {
  overlapping(iova: bigint, size: bigint): Range | undefined
}

interface Limits {
  readonly pageSize: bigint
  readonly apertures: readonly { readonly first: bigint; readonly last: bigint }[]
}

const show = (first: bigint, last: bigint): string => `${hex(first, 1)}-${hex(last, 1)}`

function findProblem(iova: bigint, size: bigint, limits: Limits, mapped: Mapped): string | undefined {
  const { pageSize, apertures } = limits
  if (iova < 0n || size <= 0n) return 'it is empty or negative'
  if (iova % pageSize !== 0n || size % pageSize !== 0n) return `it is not a multiple of the page size (${pageSize})`
  const last = iova + size - 1n
  if (!apertures.some((aperture) => iova >= aperture.first && last <= aperture.last)) {
    return `the IOMMU translates only ${apertures.map(({ first, last }) => show(first, last)).join(', ')}`
  }
  const other = mapped.overlapping(iova, size)
  return other && `${show(other.iova, other.iova + other.size - 1n)} is mapped already`
}

/** @throws QuiesceError `DMA_CONFLICT` if the range is unaligned, out of every aperture, or overlaps a mapping */
export function checkRange(device: string, iova: bigint, size: bigint, limits: Limits, mapped: Mapped): void {
  const problem = findProblem(iova, size, limits, mapped)
  if (problem === undefined) return
  const range = `${size} bytes at IOVA ${iova < 0n ? iova : hex(iova, 1)}`
  throw new QuiesceError('DMA_CONFLICT', `Cannot map ${range} for ${device}: ${problem}`, { device })
}
