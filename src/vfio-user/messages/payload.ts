// How a payload is declared: a struct, the rules that its fields keep, what follows it, and the file descriptors that
// come with it. Everything here is data for the codec; a payload that breaks a rule is a Problem, never an exception.
import type { Struct, StructFields, StructValue } from '../../bits/struct.js'
import type { Limits } from './limits.js'
import { Problem } from './problem.js'

/** What is known of a payload beside its bytes. */
export interface Arrival {
  readonly length: number
  readonly fds: number
  readonly limits: Limits
}

/** A rule of the fields: what is wrong, or nothing. */
export type Rule<V> = (value: V, arrival: Arrival) => Problem | undefined

/**
 * How many descriptors have a meaning, and what becomes of more: the reference closes those that it did not expect, and
 * refuses them only where it could not tell what was meant.
 */
export interface FdRule {
  readonly max: number | 'max_msg_fds'
  readonly spare: 'closed' | 'refused'
}

export const fdRules = {
  none: { max: 0, spare: 'closed' },
  refused: { max: 0, spare: 'refused' },
  one: { max: 1, spare: 'closed' },
  many: { max: 'max_msg_fds', spare: 'refused' },
} as const satisfies Record<string, FdRule>

/** What follows the struct. */
export interface Tail<V, T extends object> {
  /** `rest` is all that follows the struct; nothing may be read beyond it. */
  read(value: V, rest: Uint8Array, arrival: Arrival): T | Problem
  size(value: V & T): number
  /** Writes every one of `size` bytes; `into` is exactly as long. @throws QuiesceError if the value contradicts itself */
  write(value: V & T, into: Uint8Array): void
}

export interface Payload<V> {
  /** What it begins with. */
  readonly layout: { readonly name: string; readonly size: number; readonly fields: StructFields } | undefined
  /** The shortest that can be; how much longer it is, the tail decides. */
  readonly minLength: number
  readonly fds: FdRule
  read(bytes: Uint8Array, arrival: Arrival): V | Problem
  size(value: V): number
  write(value: V, into: Uint8Array): void
}

/**
 * A payload that is a struct and what follows it. Without a tail, bytes beyond the struct are ignored, as the reference
 * does: with `argsz`, a newer peer may know a longer struct.
 */
export function payload<F extends StructFields, T extends object = object>(
  layout: Struct<F>,
  options: {
    readonly rules?: readonly Rule<StructValue<F>>[]
    readonly tail?: Tail<StructValue<F>, T>
    readonly fds?: FdRule
  } = {},
): Payload<StructValue<F> & T> {
  const { rules = [], tail, fds = fdRules.none } = options
  const names = Object.keys(layout.fields) as (keyof F)[]
  return {
    layout,
    minLength: layout.size,
    fds,
    read(bytes, arrival) {
      const value = layout.decode(bytes)
      for (const rule of rules) {
        const problem = rule(value, arrival)
        if (problem !== undefined) return problem
      }
      // Nothing is added without a tail: T is then `object`.
      if (tail === undefined) return value as StructValue<F> & T
      const rest = tail.read(value, bytes.subarray(layout.size), arrival)
      return rest instanceof Problem ? rest : Object.assign(value, rest)
    },
    size: (value) => layout.size + (tail?.size(value) ?? 0),
    write(value, into) {
      const fields: Partial<Record<keyof F, unknown>> = {}
      for (const name of names) fields[name] = value[name as keyof StructValue<F>]
      layout.encode(fields as Partial<StructValue<F>>, into)
      tail?.write(value, into.subarray(layout.size))
    },
  }
}

/** No payload at all; bytes that come all the same are ignored. */
export const noPayload: Payload<object> = {
  layout: undefined,
  minLength: 0,
  fds: fdRules.none,
  read: () => ({}),
  size: () => 0,
  write: () => {},
}
