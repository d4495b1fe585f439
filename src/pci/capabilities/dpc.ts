// Downstream Port Containment (PCIe 6.0 section 7.9.14).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const dpcOffset = { capabilities: 4, control: 6, status: 8, source: 0x0a } as const

export const DpcCapabilities = register('PCI_EXP_DPC_CAP', 16, {
  interruptMessage: [4, 0],
  rootPortExtensions: [5],
  poisonedTlpBlocking: [6],
  softwareTrigger: [7],
  rootPortPioLogSize: [11, 8],
  linkActiveError: [12],
})
export const DpcControl = register('PCI_EXP_DPC_CTL', 16, {
  trigger: [1, 0],
  completion: [2],
  interrupt: [3],
  errCor: [4],
  poisonedTlpBlocking: [5],
  softwareTrigger: [6],
  linkActiveError: [7],
})
export const DpcStatus = register('PCI_EXP_DPC_STATUS', 16, {
  triggered: [0],
  reason: [2, 1],
  interrupt: [3],
  rootPortBusy: [4],
  reasonExtension: [6, 5],
  rootPortPioFirstError: [12, 8],
})
export const DpcSource = register('PCI_EXP_DPC_SOURCE_ID', 16, { requesterId: [15, 0] })

export const downstreamPortContainment: CapabilityDefinition = {
  id: extendedCapabilityId.dpc,
  name: 'Downstream Port Containment',
  length: 0x0c,
  registers: [
    { at: dpcOffset.capabilities, register: DpcCapabilities },
    { at: dpcOffset.control, register: DpcControl },
    { at: dpcOffset.status, register: DpcStatus },
    { at: dpcOffset.source, register: DpcSource },
  ],
}
