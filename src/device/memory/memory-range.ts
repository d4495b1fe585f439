// Arithmetic on ranges of guest memory. Two stretches are the same memory only if address, access and backing agree.
import { hex } from '../../bits/hex.js'
import type { DmaBacking, DmaBackingKind } from '../../function/dma.js'
import type { GuestMemoryRange } from '../vmm.js'

export function endOf(range: Pick<GuestMemoryRange, 'guestAddress' | 'size'>): bigint {
  return range.guestAddress + range.size
}

export function kindOf(backing: DmaBacking): DmaBackingKind {
  if ('memory' in backing) return 'memory'
  if ('fd' in backing) return 'fd'
  return 'hostAddress' in backing ? 'hostAddress' : 'dmabuf'
}

/** Where a backing begins within whatever holds it. */
export function positionOf(backing: DmaBacking): bigint {
  return 'hostAddress' in backing ? backing.hostAddress : backing.offset
}

/** What holds a backing: equal for two of one file, one buffer, or this process's memory. */
function sourceOf(backing: DmaBacking): unknown {
  if ('memory' in backing) return backing.memory
  if ('fd' in backing) return `fd ${backing.fd}`
  return 'hostAddress' in backing ? 'this process' : `dma-buf ${backing.dmabuf}`
}

function advance(backing: DmaBacking, bytes: bigint): DmaBacking {
  if ('hostAddress' in backing) return { hostAddress: backing.hostAddress + bytes }
  return { ...backing, offset: backing.offset + bytes }
}

/** Whether both would show a device the same bytes at the same addresses, wherever they overlap. */
export function isSameMemory(a: GuestMemoryRange, b: GuestMemoryRange): boolean {
  return (
    a.access === b.access &&
    sourceOf(a.backing) === sourceOf(b.backing) &&
    positionOf(a.backing) - a.guestAddress === positionOf(b.backing) - b.guestAddress
  )
}

/** Whether all of `part` is in `whole`, as the same memory. */
export function holds(whole: GuestMemoryRange, part: GuestMemoryRange): boolean {
  return part.guestAddress >= whole.guestAddress && endOf(part) <= endOf(whole) && isSameMemory(whole, part)
}

/** Whether `next` begins where `range` ends, in the guest and in what backs it. */
export function continues(range: GuestMemoryRange, next: GuestMemoryRange): boolean {
  return endOf(range) === next.guestAddress && isSameMemory(range, next)
}

export function join(range: GuestMemoryRange, next: GuestMemoryRange): GuestMemoryRange {
  return { ...range, size: range.size + next.size }
}

/** The part of a range from `start` to `end`, which lie in it. */
export function slice(range: GuestMemoryRange, start: bigint, end: bigint): GuestMemoryRange {
  const { guestAddress, access, backing } = range
  return { guestAddress: start, size: end - start, access, backing: advance(backing, start - guestAddress) }
}

/** What of a range is in none of `others`, which are sorted and do not overlap each other. */
export function without(range: GuestMemoryRange, others: readonly GuestMemoryRange[]): GuestMemoryRange[] {
  const rest: GuestMemoryRange[] = []
  let start = range.guestAddress
  for (const other of overlapping(others, range)) {
    if (other.guestAddress > start) rest.push(slice(range, start, other.guestAddress))
    if (endOf(other) > start) start = endOf(other)
  }
  if (start < endOf(range)) rest.push(slice(range, start, endOf(range)))
  return rest
}

/** Those of `sorted`, which do not overlap each other, that overlap a range. */
export function overlapping<T extends GuestMemoryRange>(sorted: readonly T[], range: GuestMemoryRange): T[] {
  let low = 0
  for (let high = sorted.length; low < high; ) {
    const middle = (low + high) >> 1
    const each = sorted[middle]
    if (each !== undefined && endOf(each) <= range.guestAddress) low = middle + 1
    else high = middle
  }
  const found: T[] = []
  for (let each = sorted[low]; each !== undefined && each.guestAddress < endOf(range); each = sorted[++low]) {
    found.push(each)
  }
  return found
}

export function sorted<T extends GuestMemoryRange>(ranges: readonly T[]): T[] {
  return [...ranges].sort((a, b) => (a.guestAddress < b.guestAddress ? -1 : a.guestAddress > b.guestAddress ? 1 : 0))
}

export function nameOf(range: Pick<GuestMemoryRange, 'guestAddress' | 'size'>): string {
  return `${hex(range.guestAddress, 1)}-${hex(endOf(range) - 1n, 1)}`
}
