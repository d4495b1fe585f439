// What has to be done so that the mappings of an IOMMU are the guest's memory, and nothing more than has to be.
//
// Invariant: a mapping that lies wholly in memory that stays is never touched. One that does not goes as a whole, since
// the IOMMU takes none apart; what of it stays is mapped again at once, which is the only time at which memory that
// stays is not there. So ranges are mapped as they were announced, and joined only where the limit leaves no choice.
import type { GuestMemoryRange } from '../vmm.js'
import { continues, endOf, holds, isSameMemory, join, overlapping, slice, without } from './memory-range.js'

export interface Removal<T> {
  readonly mapping: T
  /** The parts of it that stay. */
  readonly restores: readonly GuestMemoryRange[]
}

export interface MemoryPlan<T> {
  /** Those of which nothing stays are first. */
  readonly removals: readonly Removal<T>[]
  readonly additions: readonly GuestMemoryRange[]
  /** How many mappings are too many, however they are joined. */
  readonly excess: number
}

/**
 * `mapped` is what is there now, `wanted` what is to be there; both sorted, neither overlapping itself. At most
 * `capacity` mappings are there at any time.
 */
export function planMemory<T extends GuestMemoryRange>(
  mapped: readonly T[],
  wanted: readonly GuestMemoryRange[],
  capacity = Number.POSITIVE_INFINITY,
): MemoryPlan<T> {
  const stretches = joined(wanted, wanted.length)
  const stays = (mapping: T): boolean => overlapping(stretches, mapping).some((stretch) => holds(stretch, mapping))
  const kept = mapped.filter(stays)
  const pieces = wanted.flatMap((range) => without(range, kept))
  const going = mapped.filter((mapping) => !stays(mapping))
  const restoresOf = (mapping: T): GuestMemoryRange[] =>
    overlapping(pieces, mapping)
      .filter((piece) => isSameMemory(piece, mapping))
      .map((piece) => slice(piece, max(piece.guestAddress, mapping.guestAddress), min(endOf(piece), endOf(mapping))))
  const cut = going.map((mapping) => ({ mapping, restores: restoresOf(mapping) }))
  const restored = cut.flatMap(({ restores }) => restores)
  const fresh = pieces.flatMap((piece) => without(piece, restored))

  let excess = kept.length + restored.length + fresh.length - capacity
  const fit = (ranges: readonly GuestMemoryRange[]): GuestMemoryRange[] => {
    const fewer = joined(ranges, excess)
    excess -= ranges.length - fewer.length
    return fewer
  }
  // What is new is joined before what was mapped already: that loses nothing if a part of it goes later.
  const additions = fit(fresh)
  const removals = cut.map(({ mapping, restores }) => ({ mapping, restores: fit(restores) }))
  return {
    removals: [...removals.filter(isGone), ...removals.filter((removal) => !isGone(removal))],
    additions,
    excess: Math.max(0, excess),
  }
}

function isGone({ restores }: Removal<unknown>): boolean {
  return restores.length === 0
}

/** Joins neighbours, lowest addresses first, until there are `fewer` ranges less. */
function joined(ranges: readonly GuestMemoryRange[], fewer: number): GuestMemoryRange[] {
  const result: GuestMemoryRange[] = []
  let left = fewer
  for (const range of ranges) {
    const last = result.at(-1)
    if (left > 0 && last !== undefined && continues(last, range)) {
      result[result.length - 1] = join(last, range)
      left -= 1
    } else {
      result.push(range)
    }
  }
  return result
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
