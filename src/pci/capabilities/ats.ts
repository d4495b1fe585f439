// Address Translation Service (PCIe 6.0 section 10.5.1).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const atsOffset = { capabilities: 4, control: 6 } as const

export const AtsCapabilities = register('PCI_ATS_CAP', 16, {
  invalidateQueueDepth: [4, 0],
  pageAligned: [5],
  globalInvalidate: [6],
  relaxedOrdering: [7],
})
export const AtsControl = register('PCI_ATS_CTRL', 16, { smallestTranslationUnit: [4, 0], enable: [15] })

export const addressTranslation: CapabilityDefinition = {
  id: extendedCapabilityId.ats,
  name: 'Address Translation Service',
  length: 8,
  registers: [
    { at: atsOffset.capabilities, register: AtsCapabilities },
    { at: atsOffset.control, register: AtsControl },
  ],
}
