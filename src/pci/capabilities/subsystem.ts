// Subsystem Vendor ID of bridges, which have no room for it in their header (PCI-to-PCI Bridge 1.2 section 3.2.5.13).
import { register } from '../../bits/register.js'
import { capabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const subsystemOffset = { vendorId: 4, id: 6 } as const

export const SubsystemVendorId = register('PCI_SSVID_VENDOR_ID', 16, { id: [15, 0] })
export const SubsystemId = register('PCI_SSVID_DEVICE_ID', 16, { id: [15, 0] })

export const bridgeSubsystem: CapabilityDefinition = {
  id: capabilityId.subsystemId,
  name: 'Bridge Subsystem ID',
  length: 8,
  registers: [
    { at: subsystemOffset.vendorId, register: SubsystemVendorId },
    { at: subsystemOffset.id, register: SubsystemId },
  ],
}
