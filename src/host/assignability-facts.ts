// Gathers what the assignability checks look at.
import type { AssignabilityFacts } from './assignability.js'
import { readIommuGroup } from './iommu-group.js'
import type { PciSummary } from './pci-device.js'
import { nodeAccess, type VfioAvailability } from './vfio-availability.js'
import { readVfioDeviceNode } from './vfio-device-node.js'

export function readAssignabilityFacts(
  device: PciSummary,
  vfio: VfioAvailability,
  sysfsRoot = '/sys',
  devRoot = '/dev',
): AssignabilityFacts {
  const group = readIommuGroup(sysfsRoot, device.address)
  const path = readVfioDeviceNode(sysfsRoot, devRoot, device.address)
  return {
    device,
    group,
    vfio,
    deviceNode: path === undefined ? undefined : { path, access: nodeAccess(path) },
    groupNode: group === undefined ? 'missing' : nodeAccess(`${devRoot}/vfio/${group.group}`),
  }
}
