/** A number as the specifications print registers: `0x` and at least `digits` hex digits. */
export function hex(value: number | bigint, digits = 4): string {
  return `0x${value.toString(16).padStart(digits, '0')}`
}
