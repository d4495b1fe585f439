// Lines of lspci as data: a text with the names of a register's fields in braces. `{flr}` prints a flag as `+` or `-`,
// `{~flr}` the other way round, `{count}` a number in decimal, `{id:04x}` in hexadecimal. A field may have a format of
// its own. A name that the register does not have is refused when the module loads.
import { DeclarationError, type FieldSpans } from '../../bits/register.js'
import type { AnyRegister } from '../capabilities/capability-definition.js'

type Format = (value: number, fields: Readonly<Record<string, boolean | number>>) => string
type Part = string | ((fields: Readonly<Record<string, boolean | number>>) => string)

const token = /\{(~?)(\w+)(?::0(\d)x)?\}/g

export function sign(flag: boolean): string {
  return flag ? '+' : '-'
}

/** The entries of a table by number; what is not in it prints as `otherwise`. */
export function pick(table: readonly string[] | Readonly<Record<number, string>>, otherwise = ''): Format {
  return (value) => table[value] ?? otherwise
}

/** Makes a printer of raw register values. @throws DeclarationError if the text names an unknown field */
export function line<F extends FieldSpans>(
  register: AnyRegister & { readonly fields: F },
  text: string,
  formats: { readonly [K in keyof F]?: Format } = {},
): (raw: number) => string {
  const parts: Part[] = []
  let end = 0
  for (const match of text.matchAll(token)) {
    const [whole, inverted, name = '', width] = match
    if (!(name in register.fields)) {
      throw new DeclarationError(`Cannot print ${register.name}.${name}: no such field`)
    }
    const format = formats[name]
    parts.push(text.slice(end, match.index), (fields) => {
      const value = fields[name] ?? 0
      if (format !== undefined) return format(Number(value), fields)
      if (typeof value === 'boolean') return sign(value !== (inverted === '~'))
      return width === undefined ? String(value) : value.toString(16).padStart(Number(width), '0')
    })
    end = match.index + whole.length
  }
  parts.push(text.slice(end))
  return (raw) => {
    const fields = register.decode(raw)
    return parts.map((part) => (typeof part === 'string' ? part : part(fields))).join('')
  }
}
