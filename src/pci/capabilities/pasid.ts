// Process Address Space ID (PCIe 6.0 section 7.8.9).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const pasidOffset = { capabilities: 4, control: 6 } as const

export const PasidCapabilities = register('PCI_PASID_CAP', 16, { execute: [1], privileged: [2], width: [12, 8] })
export const PasidControl = register('PCI_PASID_CTRL', 16, { enable: [0], execute: [1], privileged: [2] })

export const processAddressSpaceId: CapabilityDefinition = {
  id: extendedCapabilityId.pasid,
  name: 'Process Address Space ID',
  length: 8,
  registers: [
    { at: pasidOffset.capabilities, register: PasidCapabilities },
    { at: pasidOffset.control, register: PasidControl },
  ],
}
