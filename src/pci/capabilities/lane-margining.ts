// Lane Margining at the Receiver (PCIe 6.0 section 7.7.8). The lane registers behind it go by the link's width.
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const laneMarginingOffset = { capabilities: 4, status: 6 } as const

export const LaneMarginingCapabilities = register('PCI_LMR_CAP', 16, { usesDriver: [0] })
export const LaneMarginingStatus = register('PCI_LMR_STATUS', 16, { ready: [0], softwareReady: [1] })

export const laneMargining: CapabilityDefinition = {
  id: extendedCapabilityId.laneMargining,
  name: 'Lane Margining at the Receiver',
  length: 8,
  registers: [
    { at: laneMarginingOffset.capabilities, register: LaneMarginingCapabilities },
    { at: laneMarginingOffset.status, register: LaneMarginingStatus },
  ],
}
