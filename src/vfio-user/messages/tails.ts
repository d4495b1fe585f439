// What follows a struct, where several payloads share it. Bytes are views of the message, never copies: they are good
// for as long as the message's own are.
import type { Struct, StructFields, StructValue } from '../../bits/struct.js'
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { Tail } from './payload.js'
import { Problem } from './problem.js'

export interface WithData {
  readonly data: Uint8Array
}

/** @throws QuiesceError if what is to be encoded contradicts itself */
export function assertConsistent(condition: boolean, what: string): asserts condition {
  if (!condition) throw new QuiesceError('USAGE', `Cannot encode a vfio-user message: ${what}`)
}

/** Exactly as many bytes as the field says. */
export function countedBytes<K extends string>(field: K): Tail<Record<K, number | bigint>, WithData> {
  return {
    read: (value, rest) =>
      Number(value[field]) === rest.byteLength
        ? { data: rest }
        : new Problem('length', `${field} is ${value[field]}, and ${rest.byteLength} bytes follow`),
    size: ({ data }) => data.byteLength,
    write(value, into) {
      assertConsistent(Number(value[field]) === value.data.byteLength, `${field} is not the length of the data`)
      into.set(value.data)
    },
  }
}

/** At least as many bytes as the field says; what is beyond them is ignored. */
export function leadingBytes<K extends string>(field: K): Tail<Record<K, number>, WithData> {
  const counted = countedBytes(field)
  return {
    read: (value, rest) =>
      value[field] <= rest.byteLength
        ? { data: rest.subarray(0, value[field]) }
        : new Problem('length', `${field} is ${value[field]}, and ${rest.byteLength} bytes follow`),
    size: counted.size,
    write: counted.write,
  }
}

export interface WithItems<F extends StructFields> {
  readonly items: readonly StructValue<F>[]
}

/** Structs, one after the other. @throws RangeError beyond `bytes`, so count first */
export function decodeItems<F extends StructFields>(
  layout: Struct<F>,
  bytes: Uint8Array,
  count: number,
): StructValue<F>[] {
  return Array.from({ length: count }, (_, index) => layout.decode(bytes, index * layout.size))
}

/** Writes structs one after the other. */
export function encodeItems<F extends StructFields>(
  layout: Struct<F>,
  items: readonly StructValue<F>[],
  into: Uint8Array,
): void {
  for (const [index, item] of items.entries()) layout.encode(item, into, index * layout.size)
}
