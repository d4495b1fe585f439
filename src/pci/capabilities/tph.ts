// TPH Requester (PCIe 6.0 section 7.9.13).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const tphOffset = { capabilities: 4, control: 8 } as const

export const TphCapabilities = register('PCI_TPH_CAP', 32, {
  noSteeringTag: [0],
  interruptVector: [1],
  deviceSpecific: [2],
  extendedRequester: [8],
  tableLocation: [10, 9],
  tableSize: [26, 16],
})
export const TphControl = register('PCI_TPH_CTRL', 32, { mode: [2, 0], requester: [9, 8] })

export const tphRequester: CapabilityDefinition = {
  id: extendedCapabilityId.tph,
  name: 'TPH Requester',
  length: 0x0c,
  registers: [
    { at: tphOffset.capabilities, register: TphCapabilities },
    { at: tphOffset.control, register: TphControl },
  ],
}
