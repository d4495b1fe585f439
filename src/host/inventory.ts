// Every PCI function of this machine.
import { compareAddresses } from './pci-address.js'
import { type PciSummary, readPciSummary } from './pci-device.js'
import { readNames } from './sysfs-attribute.js'

/** All PCI functions, in order of address. Empty on a machine without PCI. */
export function readInventory(sysfsRoot = '/sys'): PciSummary[] {
  return readNames(`${sysfsRoot}/bus/pci/devices`)
    .sort(compareAddresses)
    .flatMap((address) => readPciSummary(sysfsRoot, address) ?? [])
}
