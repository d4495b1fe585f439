// Which parts of a BAR the guest may touch directly. A piece is mapped if the kernel lets its pages be mapped and nothing
// on them is emulated; everything else is trapped.
import type { RegionArea } from '../../function/region.js'
import type { BarShape } from './bar-shape.js'

export interface BarPiece extends RegionArea {
  readonly how: 'mapped' | 'trapped'
}

const roundDown = (value: bigint, unit: bigint): bigint => value - (value % unit)
const roundUp = (value: bigint, unit: bigint): bigint => roundDown(value + unit - 1n, unit)

interface Span {
  readonly start: bigint
  readonly end: bigint
}

function without(spans: readonly Span[], hole: Span): Span[] {
  return spans.flatMap((span) => {
    if (hole.end <= span.start || hole.start >= span.end) return [span]
    return [
      { start: span.start, end: hole.start },
      { start: hole.end, end: span.end },
    ].filter(({ start, end }) => start < end)
  })
}

/** Splits a BAR; `emulated` are the parts that must be trapped, such as the MSI-X table. In order, without gaps. */
export function barPieces(shape: BarShape, pageSize: bigint, emulated: readonly RegionArea[]): BarPiece[] {
  let mapped: Span[] = []
  if (shape.kind === 'memory') {
    mapped = shape.region.mappable
      .map(({ offset, size }) => ({ start: roundUp(offset, pageSize), end: roundDown(offset + size, pageSize) }))
      .filter(({ start, end }) => start < end)
      .sort((a, b) => (a.start < b.start ? -1 : 1))
    for (const { offset, size } of emulated) {
      mapped = without(mapped, { start: roundDown(offset, pageSize), end: roundUp(offset + size, pageSize) })
    }
  }
  const pieces: BarPiece[] = []
  let at = 0n
  for (const { start, end } of mapped) {
    if (start > at) pieces.push({ how: 'trapped', offset: at, size: start - at })
    // Areas that overlap are the kernel's mistake; what was mapped once is not mapped again.
    const from = start > at ? start : at
    if (end > from) pieces.push({ how: 'mapped', offset: from, size: end - from })
    if (end > at) at = end
  }
  if (at < shape.size) pieces.push({ how: 'trapped', offset: at, size: shape.size - at })
  return pieces
}
