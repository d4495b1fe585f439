// Declares hardware registers as data. Bits are numbered from zero at the least significant end, as in the PCI
// specifications; a declaration that overlaps itself or leaves its width is refused when the module loads.

/** A field: `[bit]` is a flag, `[high, low]` is a number. */
export type FieldSpan = readonly [bit: number] | readonly [high: number, low: number]

export type FieldSpans = Readonly<Record<string, FieldSpan>>

export type RegisterWidth = 8 | 16 | 32

export type RegisterValue<F extends FieldSpans> = {
  readonly [K in keyof F]: F[K] extends readonly [number] ? boolean : number
}

export interface Register<F extends FieldSpans> {
  /** The name that the kernel's `<linux/pci_regs.h>` or the specification gives it. */
  readonly name: string
  readonly width: RegisterWidth
  readonly fields: F
  /** Every field of a raw value. */
  decode(raw: number): RegisterValue<F>
  /** `base` with the named fields replaced; every other bit, reserved ones included, is kept. */
  encode(values: Partial<RegisterValue<F>>, base?: number): number
  /** The bits of one or several fields. */
  mask(...fields: (keyof F & string)[]): number
}

export class DeclarationError extends Error {
  override readonly name = 'DeclarationError'
}

interface PlacedField {
  readonly low: number
  readonly bits: number
  readonly isFlag: boolean
  readonly mask: number
}

function place(register: string, width: number, name: string, span: FieldSpan): PlacedField {
  const high = span[0]
  const low = span.length === 1 ? span[0] : span[1]
  if (!Number.isInteger(high) || !Number.isInteger(low) || low < 0 || high < low || high >= width) {
    throw new DeclarationError(`Cannot declare ${register}.${name}: [${span}] does not fit in ${width} bits`)
  }
  const bits = high - low + 1
  return { low, bits, isFlag: span.length === 1, mask: ((2 ** bits - 1) * 2 ** low) >>> 0 }
}

/**
 * Declares a register of 8, 16 or 32 bits.
 * @throws DeclarationError if a field leaves the register's width or overlaps another
 */
export function register<const F extends FieldSpans>(name: string, width: RegisterWidth, fields: F): Register<F> {
  const placed = new Map<string, PlacedField>()
  let taken = 0
  for (const [field, span] of Object.entries(fields)) {
    const spot = place(name, width, field, span)
    if ((taken & spot.mask) !== 0)
      throw new DeclarationError(`Cannot declare ${name}.${field}: it overlaps another field`)
    taken |= spot.mask
    placed.set(field, spot)
  }
  const find = (field: string): PlacedField => {
    const spot = placed.get(field)
    if (spot === undefined) throw new DeclarationError(`Cannot use ${name}.${field}: no such field`)
    return spot
  }

  return {
    name,
    width,
    fields,
    decode(raw) {
      const value: Record<string, boolean | number> = {}
      for (const [field, spot] of placed) {
        const number = (raw & spot.mask) >>> spot.low
        value[field] = spot.isFlag ? number !== 0 : number
      }
      return value as RegisterValue<F>
    },
    encode(values, base = 0) {
      let raw = base
      for (const [field, value] of Object.entries(values) as [string, boolean | number | undefined][]) {
        if (value === undefined) continue
        const spot = find(field)
        const number = Number(value)
        if (!Number.isInteger(number) || number < 0 || number >= 2 ** spot.bits) {
          throw new RangeError(`Cannot encode ${name}.${field}: ${value} does not fit in ${spot.bits} bits`)
        }
        raw = (raw & ~spot.mask) | ((number << spot.low) & spot.mask)
      }
      return raw >>> 0
    },
    mask(...names) {
      return names.reduce((bits, field) => bits | find(field).mask, 0) >>> 0
    },
  }
}
