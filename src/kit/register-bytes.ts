// Registers that are bytes, as accesses of every width see them: little-endian.
import type { RegisterWidth } from './device-model.js'

/** Bytes beyond the end read as 0. */
export function loadRegister(bytes: Uint8Array, offset: number, width: RegisterWidth): bigint {
  let value = 0n
  for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[offset + i] ?? 0)
  return value
}

export function storeRegister(bytes: Uint8Array, offset: number, width: RegisterWidth, value: bigint): void {
  for (let i = 0; i < width; i++) bytes[offset + i] = Number((value >> BigInt(8 * i)) & 0xffn)
}
