// Declares C structs as data: natural alignment, little-endian, as the kernel lays them out on every machine that
// has VFIO. Nested or variable parts are read by the caller at `size`; the kernel's structs need no more.
import { DeclarationError } from './register.js'

export type ScalarType = 'u8' | 'u16' | 'u32' | 'u64' | 's32'

export type StructFields = Readonly<Record<string, ScalarType>>

export type StructValue<F extends StructFields> = {
  -readonly [K in keyof F]: F[K] extends 'u64' ? bigint : number
}

export interface Struct<F extends StructFields> {
  /** The name in the kernel's header. */
  readonly name: string
  readonly fields: F
  /** `sizeof`, trailing padding included. */
  readonly size: number
  /** `offsetof` of every field. */
  readonly offsets: { readonly [K in keyof F]: number }
  /** Reads the struct at `at`. @throws RangeError if the bytes end before it does */
  decode(bytes: Uint8Array, at?: number): StructValue<F>
  /** Writes the named fields at `at` into `into`, or into fresh zeroed bytes; fields not named stay as they are. */
  encode(values: Partial<StructValue<F>>, into?: Uint8Array, at?: number): Uint8Array
}

interface Scalar {
  readonly size: number
  read(view: DataView, at: number): bigint | number
  write(view: DataView, at: number, value: bigint | number): void
}

const scalars: Readonly<Record<ScalarType, Scalar>> = {
  u8: { size: 1, read: (v, at) => v.getUint8(at), write: (v, at, n) => v.setUint8(at, Number(n)) },
  u16: { size: 2, read: (v, at) => v.getUint16(at, true), write: (v, at, n) => v.setUint16(at, Number(n), true) },
  u32: { size: 4, read: (v, at) => v.getUint32(at, true), write: (v, at, n) => v.setUint32(at, Number(n), true) },
  s32: { size: 4, read: (v, at) => v.getInt32(at, true), write: (v, at, n) => v.setInt32(at, Number(n), true) },
  u64: { size: 8, read: (v, at) => v.getBigUint64(at, true), write: (v, at, n) => v.setBigUint64(at, BigInt(n), true) },
}

/** The smallest and the largest value; compared as they are, because every message of a device passes here. */
const limits: Readonly<Record<ScalarType, readonly [low: bigint | number, high: bigint | number]>> = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffff_ffff],
  s32: [-0x8000_0000, 0x7fff_ffff],
  u64: [0n, (1n << 64n) - 1n],
}

function assertFits(struct: string, field: string, type: ScalarType, value: bigint | number): void {
  const [low, high] = limits[type]
  const whole = typeof value === 'bigint' || Number.isInteger(value)
  if (!whole || value < low || value > high) {
    throw new RangeError(`Cannot encode ${struct}.${field}: ${value} does not fit in ${type}`)
  }
}

/**
 * Declares a struct; fields stand in memory in the order of the declaration.
 * @throws DeclarationError if it has no fields
 */
export function struct<const F extends StructFields>(name: string, fields: F): Struct<F> {
  const entries = Object.entries(fields)
  if (entries.length === 0) throw new DeclarationError(`Cannot declare struct ${name}: it has no fields`)
  const offsets: Record<string, number> = {}
  let end = 0
  let alignment = 1
  for (const [field, type] of entries) {
    const width = scalars[type].size
    end = Math.ceil(end / width) * width
    offsets[field] = end
    end += width
    alignment = Math.max(alignment, width)
  }
  const size = Math.ceil(end / alignment) * alignment

  return {
    name,
    fields,
    size,
    offsets: offsets as { readonly [K in keyof F]: number },
    decode(bytes, at = 0) {
      if (at < 0 || at + size > bytes.byteLength) {
        throw new RangeError(`Cannot decode ${name} at ${at}: it takes ${size} bytes and ${bytes.byteLength} are there`)
      }
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const value: Record<string, bigint | number> = {}
      for (const [field, type] of entries) value[field] = scalars[type].read(view, at + (offsets[field] as number))
      return value as StructValue<F>
    },
    encode(values, into = new Uint8Array(size), at = 0) {
      if (at < 0 || at + size > into.byteLength) {
        throw new RangeError(`Cannot encode ${name} at ${at}: it takes ${size} bytes and ${into.byteLength} are there`)
      }
      const view = new DataView(into.buffer, into.byteOffset, into.byteLength)
      for (const [field, value] of Object.entries(values) as [string, bigint | number | undefined][]) {
        if (value === undefined) continue
        const type = fields[field]
        if (type === undefined) throw new DeclarationError(`Cannot encode ${name}.${field}: no such field`)
        assertFits(name, field, type, value)
        scalars[type].write(view, at + (offsets[field] as number), value)
      }
      return into
    },
  }
}
