// Small standard capabilities of conventional PCI: VPD, Slot Identification and Debug Port.
import { register } from '../../bits/register.js'
import { capabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const VpdAddress = register('PCI_VPD_ADDR', 16, { address: [14, 0], complete: [15] })
export const VpdData = register('PCI_VPD_DATA', 32, { data: [31, 0] })
export const SlotId = register('PCI_SID', 16, { slots: [4, 0], first: [5], chassis: [15, 8] })
export const DebugPort = register('PCI_DBG', 16, { offset: [12, 0], bar: [15, 13] })

/** PCI Local Bus 3.0 appendix I. The data itself is read through a handshake and is no part of a dump. */
export const vitalProductData: CapabilityDefinition = {
  id: capabilityId.vpd,
  name: 'Vital Product Data',
  length: 8,
  registers: [
    { at: 2, register: VpdAddress },
    { at: 4, register: VpdData },
  ],
}

/** PCI-to-PCI Bridge 1.2 section 13.4. */
export const slotIdentification: CapabilityDefinition = {
  id: capabilityId.slotId,
  name: 'Slot Identification',
  length: 4,
  registers: [{ at: 2, register: SlotId }],
}

/** EHCI 1.0 section 5.1.5. */
export const debugPort: CapabilityDefinition = {
  id: capabilityId.debugPort,
  name: 'Debug Port',
  length: 4,
  registers: [{ at: 2, register: DebugPort }],
}
