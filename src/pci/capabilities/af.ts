// Advanced Features (Conventional PCI Advanced Capabilities ECN, PCIe 6.0 section 7.9.21): function level reset for
// functions that have no PCI Express capability.
import { register } from '../../bits/register.js'
import { capabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const afOffset = { length: 2, capabilities: 3, control: 4, status: 5 } as const

export const AfCapabilities = register('PCI_AF_CAP', 8, { transactionsPending: [0], flr: [1] })
export const AfControl = register('PCI_AF_CTRL', 8, { initiateFlr: [0] })
export const AfStatus = register('PCI_AF_STATUS', 8, { transactionsPending: [0] })

export const advancedFeatures: CapabilityDefinition = {
  id: capabilityId.af,
  name: 'Advanced Features',
  length: 6,
  registers: [
    { at: afOffset.capabilities, register: AfCapabilities },
    { at: afOffset.control, register: AfControl },
    { at: afOffset.status, register: AfStatus },
  ],
}
