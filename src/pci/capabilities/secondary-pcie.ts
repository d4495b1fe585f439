// Secondary PCI Express (PCIe 6.0 section 7.7.3). The lane equalization registers behind it go by the link's width.
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const secondaryPcieOffset = { linkControl3: 4, laneErrors: 8 } as const

export const LinkControl3 = register('PCI_SEC_LNKCTL3', 32, {
  performEqualization: [0],
  equalizationInterrupt: [1],
  lowerSkpGeneration: [15, 9],
})
export const LaneErrors = register('PCI_SEC_LANE_ERR', 32, { lanes: [31, 0] })

export const secondaryPcie: CapabilityDefinition = {
  id: extendedCapabilityId.secondaryPcie,
  name: 'Secondary PCI Express',
  length: 0x0c,
  registers: [
    { at: secondaryPcieOffset.linkControl3, register: LinkControl3 },
    { at: secondaryPcieOffset.laneErrors, register: LaneErrors },
  ],
}
