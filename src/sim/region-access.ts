import type { Region } from '../function/region.js'

/** Writes a little-endian register of a region. */
export function writeRegister(region: Region, offset: number, width: 4 | 8, value: bigint): void {
  const bytes = new Uint8Array(width)
  const view = new DataView(bytes.buffer)
  if (width === 4) view.setUint32(0, Number(BigInt.asUintN(32, value)), true)
  else view.setBigUint64(0, value, true)
  region.write(BigInt(offset), bytes)
}

/** Reads a little-endian register of a region. */
export function readRegister(region: Region, offset: number, width: 4 | 8): bigint {
  const bytes = new Uint8Array(width)
  region.read(BigInt(offset), bytes)
  const view = new DataView(bytes.buffer)
  return width === 4 ? BigInt(view.getUint32(0, true)) : view.getBigUint64(0, true)
}
