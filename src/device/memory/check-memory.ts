// Whether guest memory, as the VMM announces it, can be mapped at all. Looked at before anything is tried: the kernel
// would refuse the first range that does not fit with a bare errno, and half of the rest would be mapped by then.
import { hex } from '../../bits/hex.js'
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { DmaSpace } from '../../function/dma.js'
import type { GuestMemoryRange } from '../vmm.js'
import { endOf, kindOf, nameOf, positionOf, sorted } from './memory-range.js'

/**
 * The ranges in the order of their addresses.
 * @throws QuiesceError `DMA_CONFLICT` if ranges overlap, are not aligned or cannot be translated; `UNSUPPORTED` if one is
 * backed by something that cannot be mapped there
 */
export function checkMemory(ranges: readonly GuestMemoryRange[], space: DmaSpace): GuestMemoryRange[] {
  const inOrder = sorted(ranges)
  for (const [i, range] of inOrder.entries()) {
    checkRange(range, space)
    const next = inOrder[i + 1]
    if (next !== undefined && next.guestAddress < endOf(range)) {
      throw refuse(range, `it overlaps ${nameOf(next)}`, 'Announce each part of guest memory once')
    }
  }
  return inOrder
}

function checkRange(range: GuestMemoryRange, space: DmaSpace): void {
  const { guestAddress, size, backing } = range
  const { pageSize, apertures, backings } = space
  if (
    size <= 0n ||
    guestAddress < 0n ||
    positionOf(backing) < 0n ||
    [guestAddress, size, positionOf(backing)].some((each) => each % pageSize)
  ) {
    const detail = `address, size and place of its backing must be multiples of ${pageSize} bytes`
    throw refuse(range, detail, 'Announce whole pages')
  }
  if (!apertures.some(({ first, last }) => guestAddress >= first && endOf(range) - 1n <= last)) {
    const windows = apertures.map(({ first, last }) => `${hex(first, 1)}-${hex(last, 1)}`).join(', ')
    const detail = `the IOMMU translates ${windows === '' ? 'nothing' : windows}`
    throw refuse(range, detail, 'Leave holes in guest memory where the IOMMU has them')
  }
  const kind = kindOf(backing)
  if (!backings.has(kind)) {
    const detail = `memory backed by ${kind} cannot be mapped here, only by ${[...backings].join(', ')}`
    throw new QuiesceError('UNSUPPORTED', `Cannot map guest memory ${nameOf(range)}: ${detail}`)
  }
}

function refuse(range: Pick<GuestMemoryRange, 'guestAddress' | 'size'>, detail: string, hint: string): QuiesceError {
  return new QuiesceError('DMA_CONFLICT', `Cannot map guest memory ${nameOf(range)}: ${detail}`, { hint })
}
