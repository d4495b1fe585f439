// Data Object Exchange (PCIe 6.0 section 7.9.24).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const doeOffset = { capabilities: 4, control: 8, status: 0x0c } as const

export const DoeCapabilities = register('PCI_DOE_CAP', 32, { interrupt: [0], interruptMessage: [11, 1] })
export const DoeControl = register('PCI_DOE_CTRL', 32, { abort: [0], interrupt: [1], go: [31] })
export const DoeStatus = register('PCI_DOE_STATUS', 32, { busy: [0], interrupt: [1], error: [2], objectReady: [31] })

export const dataObjectExchange: CapabilityDefinition = {
  id: extendedCapabilityId.doe,
  name: 'Data Object Exchange',
  length: 0x18,
  registers: [
    { at: doeOffset.capabilities, register: DoeCapabilities },
    { at: doeOffset.control, register: DoeControl },
    { at: doeOffset.status, register: DoeStatus },
  ],
}
