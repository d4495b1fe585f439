import type { RegisterWidth } from './device-model.js'

/** A bank of 32-bit registers that takes accesses of every width, so that devices see whole words only. */
export interface WordBank {
  readWord(offset: number): number
  writeWord(offset: number, value: number): void
}

export function readWords(bank: WordBank, offset: number, width: RegisterWidth): bigint {
  if (width === 8) return BigInt(bank.readWord(offset)) | (BigInt(bank.readWord(offset + 4)) << 32n)
  const shift = 8 * (offset & 3)
  return BigInt.asUintN(8 * width, BigInt(bank.readWord(offset & ~3)) >> BigInt(shift))
}

export function writeWords(bank: WordBank, offset: number, width: RegisterWidth, value: bigint): void {
  if (width === 8) {
    bank.writeWord(offset, Number(BigInt.asUintN(32, value)))
    bank.writeWord(offset + 4, Number(value >> 32n))
    return
  }
  if (width === 4) {
    bank.writeWord(offset, Number(value))
    return
  }
  const at = offset & ~3
  const shift = 8 * (offset & 3)
  const mask = (2 ** (8 * width) - 1) * 2 ** shift
  bank.writeWord(at, ((bank.readWord(at) & ~mask) | ((Number(value) << shift) & mask)) >>> 0)
}
