// Device Serial Number (PCIe 6.0 section 7.9.3).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const dsnOffset = { low: 4, high: 8 } as const

export const SerialNumberLow = register('PCI_DSN_LOW', 32, { value: [31, 0] })
export const SerialNumberHigh = register('PCI_DSN_HIGH', 32, { value: [31, 0] })

export const deviceSerialNumber: CapabilityDefinition = {
  id: extendedCapabilityId.deviceSerialNumber,
  name: 'Device Serial Number',
  length: 0x0c,
  registers: [
    { at: dsnOffset.low, register: SerialNumberLow },
    { at: dsnOffset.high, register: SerialNumberHigh },
  ],
}
