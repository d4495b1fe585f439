// Precision Time Measurement (PCIe 6.0 section 7.9.15).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const ptmOffset = { capabilities: 4, control: 8 } as const

export const PtmCapabilities = register('PCI_PTM_CAP', 32, {
  requester: [0],
  responder: [1],
  root: [2],
  granularity: [15, 8],
})
export const PtmControl = register('PCI_PTM_CTRL', 32, { enable: [0], rootSelect: [1], granularity: [15, 8] })

export const precisionTimeMeasurement: CapabilityDefinition = {
  id: extendedCapabilityId.ptm,
  name: 'Precision Time Measurement',
  length: 0x0c,
  registers: [
    { at: ptmOffset.capabilities, register: PtmCapabilities },
    { at: ptmOffset.control, register: PtmControl },
  ],
}
