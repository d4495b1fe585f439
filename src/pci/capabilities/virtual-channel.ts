// Virtual Channel (PCIe 6.0 section 7.9.1), under either of its two ids.
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition, CapabilityView } from './capability-definition.js'

export const vcOffset = {
  portCapabilities1: 4,
  portCapabilities2: 8,
  portControl: 0x0c,
  portStatus: 0x0e,
  resourceCapabilities: 0x10,
  resourceControl: 0x14,
  resourceStatus: 0x1a,
  resourceStride: 0x0c,
} as const

export const VcPortCapabilities1 = register('PCI_VC_PORT_CAP1', 32, {
  extendedCount: [2, 0],
  lowPriorityCount: [6, 4],
  referenceClock: [9, 8],
  arbitrationEntrySize: [11, 10],
})
export const VcPortCapabilities2 = register('PCI_VC_PORT_CAP2', 32, { arbitration: [7, 0], tableOffset: [31, 24] })
export const VcPortControl = register('PCI_VC_PORT_CTRL', 16, { loadTable: [0], arbitrationSelect: [3, 1] })
export const VcPortStatus = register('PCI_VC_PORT_STATUS', 16, { tableStatus: [0] })
export const VcResourceCapabilities = register('PCI_VC_RES_CAP', 32, {
  arbitration: [7, 0],
  rejectSnoop: [15],
  maxTimeSlots: [22, 16],
  tableOffset: [31, 24],
})
export const VcResourceControl = register('PCI_VC_RES_CTRL', 32, {
  trafficClasses: [7, 0],
  loadTable: [16],
  arbitrationSelect: [19, 17],
  id: [26, 24],
  enable: [31],
})
export const VcResourceStatus = register('PCI_VC_RES_STATUS', 16, { tableStatus: [0], negotiationPending: [1] })

/** VC0 is always there. */
export function vcCount(view: CapabilityView): number {
  return VcPortCapabilities1.decode(view.read(vcOffset.portCapabilities1, 4)).extendedCount + 1
}

const repeat = { count: vcCount, stride: vcOffset.resourceStride }

export const virtualChannel: CapabilityDefinition = {
  id: extendedCapabilityId.virtualChannel,
  name: 'Virtual Channel',
  length: (view) => vcOffset.resourceCapabilities + vcCount(view) * vcOffset.resourceStride,
  registers: [
    { at: vcOffset.portCapabilities1, register: VcPortCapabilities1 },
    { at: vcOffset.portCapabilities2, register: VcPortCapabilities2 },
    { at: vcOffset.portControl, register: VcPortControl },
    { at: vcOffset.portStatus, register: VcPortStatus },
    { at: vcOffset.resourceCapabilities, register: VcResourceCapabilities, repeat },
    { at: vcOffset.resourceControl, register: VcResourceControl, repeat },
    { at: vcOffset.resourceStatus, register: VcResourceStatus, repeat },
  ],
}

export const virtualChannel9: CapabilityDefinition = {
  ...virtualChannel,
  id: extendedCapabilityId.virtualChannel9,
}
