// Access Control Services (PCIe 6.0 section 7.7.11).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const acsOffset = { capabilities: 4, control: 6, egressControl: 8 } as const

export const AcsCapabilities = register('PCI_ACS_CAP', 16, {
  sourceValidation: [0],
  translationBlocking: [1],
  requestRedirect: [2],
  completionRedirect: [3],
  upstreamForwarding: [4],
  egressControl: [5],
  directTranslated: [6],
  enhanced: [7],
  egressVectorSize: [15, 8],
})

export const AcsControl = register('PCI_ACS_CTRL', 16, {
  sourceValidation: [0],
  translationBlocking: [1],
  requestRedirect: [2],
  completionRedirect: [3],
  upstreamForwarding: [4],
  egressControl: [5],
  directTranslated: [6],
  ioRequestBlocking: [7],
})

export const accessControlServices: CapabilityDefinition = {
  id: extendedCapabilityId.acs,
  name: 'Access Control Services',
  length: 8,
  registers: [
    { at: acsOffset.capabilities, register: AcsCapabilities },
    { at: acsOffset.control, register: AcsControl },
  ],
}
