// Names from this machine's pci.ids.
import { readPciIdsFile } from '../host/pci-ids-file.js'
import { className, noNames, type PciNames } from '../pci/names.js'
import { parsePciIds } from '../pci/pci-ids.js'

/** The names, or none where no pci.ids is installed. */
export function loadPciNames(): PciNames {
  const text = readPciIdsFile()
  return text === undefined ? noNames : parsePciIds(text)
}

/** The class of a 24-bit class code: `Ethernet controller`. */
export function classNameOf(names: PciNames, classCode: number): string {
  return className(names, classCode >>> 16, (classCode >>> 8) & 0xff)
}

/** `8086:10c9`. */
export function idPair(vendorId: number, deviceId: number): string {
  return `${vendorId.toString(16).padStart(4, '0')}:${deviceId.toString(16).padStart(4, '0')}`
}
