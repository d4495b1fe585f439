// JSON as programs get it: two spaces, addresses and sizes as hex strings because they outgrow a JSON number.
import { hex } from '../bits/hex.js'

export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? hex(part, 1) : part), 2)
}
