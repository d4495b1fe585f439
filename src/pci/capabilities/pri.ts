// Page Request Interface (PCIe 6.0 section 10.5.2).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const priOffset = { control: 4, status: 6, capacity: 8, allocation: 0x0c } as const

export const PriControl = register('PCI_PRI_CTRL', 16, { enable: [0], reset: [1] })
export const PriStatus = register('PCI_PRI_STATUS', 16, {
  responseFailure: [0],
  unexpectedGroup: [1],
  stopped: [8],
  pasidRequired: [15],
})
export const PageRequestCapacity = register('PCI_PRI_MAX_REQ', 32, { requests: [31, 0] })
export const PageRequestAllocation = register('PCI_PRI_ALLOC_REQ', 32, { requests: [31, 0] })

export const pageRequestInterface: CapabilityDefinition = {
  id: extendedCapabilityId.pri,
  name: 'Page Request Interface',
  length: 0x10,
  registers: [
    { at: priOffset.control, register: PriControl },
    { at: priOffset.status, register: PriStatus },
    { at: priOffset.capacity, register: PageRequestCapacity },
    { at: priOffset.allocation, register: PageRequestAllocation },
  ],
}
