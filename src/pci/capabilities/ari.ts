// Alternative Routing-ID Interpretation (PCIe 6.0 section 7.8.8).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const ariOffset = { capabilities: 4, control: 6 } as const

export const AriCapabilities = register('PCI_ARI_CAP', 16, { mfvc: [0], acs: [1], nextFunction: [15, 8] })
export const AriControl = register('PCI_ARI_CTRL', 16, { mfvc: [0], acs: [1], functionGroup: [6, 4] })

export const alternativeRoutingId: CapabilityDefinition = {
  id: extendedCapabilityId.ari,
  name: 'Alternative Routing-ID Interpretation',
  length: 8,
  registers: [
    { at: ariOffset.capabilities, register: AriCapabilities },
    { at: ariOffset.control, register: AriControl },
  ],
}
