// Rules that several payloads share.
import type { FieldSpans, Register } from '../../bits/register.js'
import type { Rule } from './payload.js'
import { Problem } from './problem.js'

const end64 = 1n << 64n

/** `argsz` covers at least `least` bytes. */
export function argszAtLeast(least: number): Rule<{ argsz: number }> {
  return ({ argsz }) => (argsz >= least ? undefined : new Problem('argsz', `argsz is ${argsz}, at least ${least}`))
}

/** `argsz` asks for no more than one message may carry. */
export const argszWithinTransfer: Rule<{ argsz: number }> = ({ argsz }, { limits }) =>
  argsz <= limits.maxDataTransfer
    ? undefined
    : new Problem('argsz', `argsz is ${argsz}, at most ${limits.maxDataTransfer}`)

/** No flag beyond those declared. */
export function flagsOf<F extends FieldSpans>(flags: Register<F>): Rule<{ flags: number }> {
  const known = flags.mask(...Object.keys(flags.fields))
  return (value) =>
    (value.flags & ~known) === 0 ? undefined : new Problem('flags', `${flags.name} is 0x${value.flags.toString(16)}`)
}

/** `count` is no more than one message may carry. */
export const countWithinTransfer: Rule<{ count: number | bigint }> = ({ count }, { limits }) =>
  count <= limits.maxDataTransfer
    ? undefined
    : new Problem('count', `count is ${count}, at most ${limits.maxDataTransfer}`)

/** The span does not run beyond 64 bits. */
export function withinAddressSpace(address: bigint, size: number | bigint): Problem | undefined {
  return address + BigInt(size) <= end64
    ? undefined
    : new Problem('range', `0x${address.toString(16)} + ${size} leaves 64 bits`)
}

/** Exactly one bit is set of those in `mask`. */
export function exactlyOne(flags: number, mask: number): boolean {
  const set = flags & mask
  return set !== 0 && (set & (set - 1)) === 0
}

export function isPowerOfTwo(value: bigint): boolean {
  return value > 0n && (value & (value - 1n)) === 0n
}
