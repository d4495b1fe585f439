// sysfs as this project reads it: one small text file or one symbolic link at a time. What is not there, or not for
// this user, is `undefined`: devices come and go while they are being listed.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

/** The file's text without its final newline; `undefined` if it cannot be read. */
export function readAttribute(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trimEnd()
  } catch {
    return undefined
  }
}

/** The last component of what a link points to, e.g. a driver's name; `undefined` where there is no link. */
export function readLinkName(path: string): string | undefined {
  try {
    return basename(readlinkSync(path))
  } catch {
    return undefined
  }
}

/** The names in a directory, sorted; empty where there is none. */
export function readNames(path: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch {
    return []
  }
}

/** Where sysfs keeps a PCI function. */
export function pciDevicePath(sysfsRoot: string, address: string): string {
  return `${sysfsRoot}/bus/pci/devices/${address}`
}
