// Aligned columns for people.
import type { Paint, Style } from './paint.js'

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  readonly style?: (row: Row) => Style | undefined
  /** On a terminal that is too narrow this column is cut, but not below so many characters. */
  readonly shrinkTo?: number
}

const gap = 2

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
}

/** Rows under titles, two spaces between columns. A column without any text is left out. */
export function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  paint: Paint,
  terminalColumns?: number,
): string {
  const shown = columns
    .map((column) => ({ column, cells: rows.map((row) => column.cell(row)) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''))
  const widths = shown.map(({ column, cells }) => Math.max(column.title.length, ...cells.map((cell) => cell.length)))
  if (terminalColumns !== undefined) shrink(shown, widths, terminalColumns)

  const line = (texts: readonly string[], style: (index: number) => Style | undefined): string =>
    texts
      .map((text, index) => {
        const width = widths[index] ?? 0
        const fitted = cut(text, width)
        const chosen = style(index)
        const painted = chosen === undefined ? fitted : paint(chosen, fitted)
        return index === texts.length - 1 ? painted : painted + ' '.repeat(width - fitted.length + gap)
      })
      .join('')
      .trimEnd()

  const head = line(
    shown.map(({ column }) => column.title),
    () => 'dim',
  )
  const body = rows.map((row, at) =>
    line(
      shown.map(({ cells }) => cells[at] ?? ''),
      (index) => shown[index]?.column.style?.(row),
    ),
  )
  return [head, ...body].join('\n')
}

function shrink<Row>(shown: readonly { column: Column<Row> }[], widths: number[], available: number): void {
  let excess = widths.reduce((sum, width) => sum + width + gap, -gap) - available
  for (const [index, { column }] of shown.entries()) {
    const width = widths[index] ?? 0
    if (excess <= 0 || column.shrinkTo === undefined || width <= column.shrinkTo) continue
    const next = Math.max(column.shrinkTo, width - excess)
    excess -= width - next
    widths[index] = next
  }
}
