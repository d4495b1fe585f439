import { spread, table, times } from '../cells.js'
import type { MemoryResult } from '../guest/memory.js'
import { ratio, type Summary, summarize } from '../samples.js'
import type { Pass } from './map-pieces.js'

interface WaySummary {
  readonly map: Summary | undefined
  readonly unmap: Summary | undefined
  readonly toC: { readonly map: number | undefined; readonly unmap: number | undefined }
}

/** Milliseconds for all pieces. */
export interface MemorySummary {
  readonly pieces: string
  readonly count: number
  readonly backend: string
  readonly ways: Readonly<Record<'kept in step' | 'bare' | 'c', WaySummary>>
}

export function summarizeMemory(result: MemoryResult): MemorySummary {
  const { pieces, count, backend } = result
  const spans = (passes: readonly Pass[]) => ({
    map: summarize(passes.map(({ map }) => map)),
    unmap: summarize(passes.map(({ unmap }) => unmap)),
  })
  const c = spans(result.c)
  const way = (passes: readonly Pass[]): WaySummary => {
    const each = spans(passes)
    return { ...each, toC: { map: ratio(each.map, c.map), unmap: ratio(each.unmap, c.unmap) } }
  }
  return {
    pieces,
    count,
    backend,
    ways: { 'kept in step': way(result['kept in step']), bare: way(result.bare), c: way(result.c) },
  }
}

export function memoryTable(sets: readonly MemorySummary[]): string {
  const rows = sets.flatMap((set) =>
    (Object.keys(set.ways) as (keyof MemorySummary['ways'])[]).map((way) => ({ ...set, way, times: set.ways[way] })),
  )
  return table(rows, [
    ['BACKEND', ({ backend }) => backend],
    ['PIECES', ({ pieces }) => pieces],
    ['MAPPED BY', ({ way }) => (way === 'c' ? 'C' : way)],
    ['MAP', (row) => spread(row.times.map)],
    ['UNMAP', (row) => spread(row.times.unmap)],
    ['MAP/C', (row) => times(row.times.toC.map)],
    ['UNMAP/C', (row) => times(row.times.toC.unmap)],
  ])
}
