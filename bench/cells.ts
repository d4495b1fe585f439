// How numbers are shown in the tables.
import { makePaint } from '../src/cli/paint.js'
import { type Column, formatTable } from '../src/cli/table.js'
import type { Summary } from './samples.js'

const plain = makePaint(false)

export function table<Row>(
  rows: readonly Row[],
  columns: readonly (readonly [string, (row: Row) => string])[],
): string {
  const described = columns.map(([title, cell]): Column<Row> => ({ title, cell }))
  return formatTable(described, rows, plain)
}

export const number = (value: number | undefined): string =>
  value === undefined ? '-' : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

export const times = (value: number | undefined): string =>
  value === undefined ? '-' : `${value < 1 ? value.toFixed(3) : value.toFixed(2)}x`

/** Median and 90th percentile. */
export const spread = (summary: Summary | undefined): string =>
  summary === undefined ? '-' : `${number(summary.median)} / ${number(summary.p90)}`

/** Median and 99th percentile. */
export const tail = (summary: Summary | undefined): string =>
  summary === undefined ? '-' : `${number(summary.median)} / ${number(summary.p99)}`
