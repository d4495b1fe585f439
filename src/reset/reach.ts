// Whether a device answers at all. VFIO virtualizes Vendor ID, Device ID and parts of Command and PMCSR, so a dead
// device's Command can read 0xFBFF and look alive; class and revision (dword 0x08) are not virtualized and cannot.
import { hex } from '../bits/hex.js'
import type { AccessWidth, ConfigSpace } from '../function/config-space.js'
import { headerOffset } from '../pci/header.js'

/** A config read as a value: the hardware's failures are outcomes here, not exceptions. */
export type ConfigReading =
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly reason: string }

const allOnes: Readonly<Record<AccessWidth, number>> = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff }

/** What an exception says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Reads config space; a failed access is a value. All ones are returned as they are: they may be meant. */
export function readConfig(config: ConfigSpace, offset: number, width: AccessWidth): ConfigReading {
  try {
    return { ok: true, value: config.read(offset, width) }
  } catch (error) {
    return { ok: false, reason: messageOf(error) }
  }
}

/** Writes config space; undefined when it went through, else why it did not. */
export function writeConfig(
  config: ConfigSpace,
  offset: number,
  width: AccessWidth,
  value: number,
): string | undefined {
  try {
    config.write(offset, width, value)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** Reads class and revision: the sound probe of whether the device is there. */
export function probe(config: ConfigSpace): ConfigReading {
  const reading = readConfig(config, headerOffset.revision, 4)
  if (reading.ok && reading.value === allOnes[4]) {
    return { ok: false, reason: 'class and revision (dword 0x08) read as all ones: the device does not answer' }
  }
  return reading
}

/**
 * Reads a 16-bit register of a device that may be dying: the value counts only if the device still answers after it,
 * since a dead device's reads usually succeed, with all ones in them. `impossible` are bits that no live device sets.
 */
export function readLive(config: ConfigSpace, offset: number, impossible = 0): ConfigReading {
  const reading = readConfig(config, offset, 2)
  if (!reading.ok) return reading
  if (reading.value === allOnes[2] || (reading.value & impossible) !== 0) {
    return { ok: false, reason: `it reads as ${hex(reading.value)}, which no device that answers shows` }
  }
  const after = probe(config)
  return after.ok ? reading : after
}
