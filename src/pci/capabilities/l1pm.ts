// L1 PM Substates (PCIe 6.0 section 7.8.3).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const l1pmOffset = { capabilities: 4, control1: 8, control2: 0x0c } as const

export const L1pmCapabilities = register('PCI_L1SS_CAP', 32, {
  pciPmL12: [0],
  pciPmL11: [1],
  aspmL12: [2],
  aspmL11: [3],
  substates: [4],
  commonModeRestore: [15, 8],
  powerOnScale: [17, 16],
  powerOnValue: [23, 19],
})
export const L1pmControl1 = register('PCI_L1SS_CTL1', 32, {
  pciPmL12: [0],
  pciPmL11: [1],
  aspmL12: [2],
  aspmL11: [3],
  commonModeRestore: [15, 8],
  ltrThreshold: [25, 16],
  ltrThresholdScale: [31, 29],
})
export const L1pmControl2 = register('PCI_L1SS_CTL2', 32, { powerOnScale: [1, 0], powerOnValue: [7, 3] })

export const l1PmSubstates: CapabilityDefinition = {
  id: extendedCapabilityId.l1PmSubstates,
  name: 'L1 PM Substates',
  length: 0x10,
  registers: [
    { at: l1pmOffset.capabilities, register: L1pmCapabilities },
    { at: l1pmOffset.control1, register: L1pmControl1 },
    { at: l1pmOffset.control2, register: L1pmControl2 },
  ],
}
