import type { DwordWrite } from './config-overlay.js'
import type { HardwareConfig } from './hardware-config.js'

/** Writes those bytes of a dword to the hardware that are enabled and inside `bits`; whether all went through. */
export function forwardWrite(hardware: HardwareConfig, dword: number, write: DwordWrite, bits = 0xffff_ffff): boolean {
  const enabled = [0, 1, 2, 3].filter((byte) => ((write.mask & bits) >>> (8 * byte)) & 0xff)
  const first = enabled[0]
  if (first === undefined) return true
  const length = enabled.length
  const value = (write.value >>> (8 * first)) % 2 ** (8 * length)
  return hardware.write(dword + first, length, value)
}
