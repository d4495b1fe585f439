import { formatLspci } from '../pci/lspci/format-lspci.js'
import type { SystemView } from '../pci/lspci/lspci-device.js'
import type { PciNames } from '../pci/names.js'
import type { ShownDevice } from './shown-device.js'

/** What sysfs adds to the configuration space; what it does not know is left out. */
function systemView({ host }: ShownDevice): SystemView | undefined {
  if (host === undefined) return undefined
  const { device } = host
  const { vendorId, deviceId, resources } = device
  const known = Object.entries({
    subsystemVendorId: device.subsystemVendorId,
    subsystemId: device.subsystemDeviceId,
    irq: device.irq,
    physicalSlot: device.physicalSlot,
    numaNode: device.numaNode,
    iommuGroup: device.iommuGroup,
    driver: device.driver,
  }).filter(([, value]) => value !== undefined)
  return { vendorId, deviceId, resources, ...(Object.fromEntries(known) as Partial<SystemView>) }
}

/** The device as `lspci -vvv` prints it. */
export function formatLspciOf(shown: ShownDevice, names: PciNames): string {
  const system = systemView(shown)
  // A simulated device has no address on a bus; lspci prints one in every first line.
  const address = shown.source === 'sim' ? '0000:00:00.0' : shown.device
  return formatLspci(shown.bytes, { address, names, ...(system === undefined ? {} : { system }) }).trimEnd()
}
