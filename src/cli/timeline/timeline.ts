// A time line in characters. Time is stretched so that every moment that matters has a column of its own: what takes
// microseconds stays visible beside what takes a second. The list below the lanes gives the true times.
import type { Paint, Style } from '../paint.js'

/** Something that happened; numbered in the drawing, with its words below. */
export interface Moment {
  readonly atUs: number
  readonly text: string
  readonly style?: Style
}

/** One row: spans are drawn first, marks over them. */
export interface Lane {
  readonly label: string
  readonly spans?: readonly {
    readonly fromUs: number
    readonly toUs: number
    readonly glyph: string
    readonly style?: Style
  }[]
  readonly marks?: readonly { readonly atUs: number; readonly glyph: string; readonly style?: Style }[]
}

export interface Timeline {
  readonly endUs: number
  readonly moments: readonly Moment[]
  readonly lanes: readonly Lane[]
}

interface Cell {
  readonly glyph: string
  readonly style: Style | undefined
}

const labelWidth = 13
/** Fewest columns from one moment to the next: its number, and some air. */
const leastGap = 3

/** From a time to its column, linear between the moments. */
function layOut(timeline: Timeline, columns: number): (atUs: number) => number {
  const times = [...new Set([0, ...timeline.moments.map((moment) => moment.atUs), timeline.endUs])].sort(
    (a, b) => a - b,
  )
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0))
  const spare = Math.max(0, columns - 1 - gaps.length * leastGap)
  const weights = gaps.map((gap) => Math.sqrt(gap))
  const total = weights.reduce((sum, weight) => sum + weight, 0) || 1
  const positions = [0]
  for (const weight of weights) positions.push((positions.at(-1) ?? 0) + leastGap + (spare * weight) / total)
  return (atUs) => {
    const next = Math.max(
      1,
      times.findIndex((time) => time >= atUs),
    )
    const [from = 0, to = 0] = [times[next - 1], times[next]]
    const [left = 0, right = 0] = [positions[next - 1], positions[next]]
    const share = to === from ? 0 : Math.min(1, Math.max(0, (atUs - from) / (to - from)))
    return Math.min(columns - 1, Math.round(left + (right - left) * share))
  }
}

function drawLane(lane: Lane, column: (atUs: number) => number, columns: number): Cell[] {
  const cells: Cell[] = Array.from({ length: columns }, () => ({ glyph: ' ', style: undefined }))
  for (const span of lane.spans ?? []) {
    const to = Math.max(column(span.fromUs) + 1, column(span.toUs))
    for (let at = column(span.fromUs); at < to && at < columns; at++)
      cells[at] = { glyph: span.glyph, style: span.style }
  }
  for (const mark of lane.marks ?? []) cells[column(mark.atUs)] = { glyph: mark.glyph, style: mark.style }
  return cells
}

/** Joins cells into text, neighbours of one style painted together. */
function paintCells(cells: readonly Cell[], paint: Paint): string {
  let text = ''
  for (let at = 0; at < cells.length; ) {
    const { style } = cells[at] as Cell
    let run = ''
    while (at < cells.length && cells[at]?.style === style) run += cells[at++]?.glyph ?? ''
    text += style === undefined ? run : paint(style, run)
  }
  return text.trimEnd()
}

/** Numbers above the lanes; a moment at the same time as the last shares its column's neighbourhood. */
function drawNumbers(timeline: Timeline, column: (atUs: number) => number, columns: number): Cell[] {
  const cells: Cell[] = Array.from({ length: columns }, () => ({ glyph: ' ', style: undefined }))
  let free = 0
  for (const [index, moment] of timeline.moments.entries()) {
    const label = String(index + 1)
    const at = Math.min(columns - label.length, Math.max(free, column(moment.atUs)))
    for (const [offset, glyph] of [...label].entries()) cells[at + offset] = { glyph, style: moment.style ?? 'bold' }
    free = at + label.length
  }
  return cells
}

/** `12.3 ms`, right-aligned. */
export function formatMs(us: number): string {
  return `${(us / 1000).toFixed(us < 100_000 ? 2 : 0)} ms`
}

/** Draws lanes, then the moments in words. */
export function drawTimeline(timeline: Timeline, paint: Paint, width: number): string[] {
  const columns = Math.max(40, width - labelWidth)
  const column = layOut(timeline, columns)
  const row = (label: string, cells: readonly Cell[]): string =>
    paint('dim', label.padEnd(labelWidth)) + paintCells(cells, paint)
  return [
    row('', drawNumbers(timeline, column, columns)),
    ...timeline.lanes.map((lane) => row(lane.label, drawLane(lane, column, columns))),
    ...timeline.moments.map((moment, index) => {
      const number = paint(moment.style ?? 'bold', String(index + 1).padStart(4))
      return `${number} ${paint('dim', formatMs(moment.atUs).padStart(11))}  ${moment.text}`
    }),
  ]
}
