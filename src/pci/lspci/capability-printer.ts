// How one capability prints: its title behind the bracketed offset, and the lines below it.
import type { FieldSpans } from '../../bits/register.js'
import type { AnyRegister, CapabilityView } from '../capabilities/capability-definition.js'
import type { PciNames } from '../names.js'
import { line } from './line.js'

/** A capability, and what a few of them need to know of their function. */
export interface PrintView extends CapabilityView {
  readonly vendorId: number
  readonly deviceId: number
  readonly names: PciNames
  /** Whether a BAR is in memory space. */
  readonly hasMemoryBar: boolean
  /** Device and function number are both zero. */
  readonly isFirstFunction: boolean
  /** Whether `length` bytes from `offset` can be read. */
  has(offset: number, length: number): boolean
}

export interface CapabilityPrinter {
  title(view: PrintView): string
  /** First offset and length of what the body reads: without all of it there is only the title. */
  readonly needs?: readonly [offset: number, length: number]
  /** Complete lines. */
  body?(view: PrintView): readonly string[]
}

/** A line, or lines, of the body; `undefined` where the device has none. */
export type Row = (view: PrintView) => string | undefined

const indent = '\t\t'

/** A row that prints one register. */
export function row<F extends FieldSpans>(
  at: number,
  register: AnyRegister & { readonly fields: F },
  text: string,
  formats?: Parameters<typeof line<F>>[2],
): Row {
  const print = line(register, text, formats)
  const width = (register.width / 8) as 1 | 2 | 4
  return (view) => indent + print(view.read(at, width))
}

/** A row that is there only under a condition. */
export function onlyIf(condition: (view: PrintView) => boolean, inner: Row): Row {
  return (view) => (condition(view) ? inner(view) : undefined)
}

/** Rows that share a line. */
export function joined(...rows: readonly Row[]): Row {
  return (view) => indent + rows.map((inner) => inner(view)?.slice(indent.length) ?? '').join('')
}

/** A printer made of rows. */
export function printer(
  title: string | ((view: PrintView) => string),
  needs: readonly [offset: number, length: number],
  rows: readonly Row[],
): CapabilityPrinter {
  return {
    title: typeof title === 'string' ? () => title : title,
    needs,
    body: (view) => rows.flatMap((inner) => inner(view)?.split('\n') ?? []),
  }
}

/** A capability that lspci knows by name and no more. */
export function titleOnly(title: string): CapabilityPrinter {
  return { title: () => title }
}
