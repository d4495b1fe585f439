// Power Budgeting (PCIe 6.0 section 7.8.1).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const PowerBudgetSelect = register('PCI_PWR_DSR', 8, { index: [7, 0] })
export const PowerBudgetData = register('PCI_PWR_DATA', 32, {
  basePower: [7, 0],
  scale: [9, 8],
  pmSubState: [12, 10],
  pmState: [14, 13],
  type: [17, 15],
  rail: [20, 18],
})
export const PowerBudgetCapabilities = register('PCI_PWR_CAP', 8, { systemAllocated: [0] })

export const powerBudgeting: CapabilityDefinition = {
  id: extendedCapabilityId.powerBudgeting,
  name: 'Power Budgeting',
  length: 0x10,
  registers: [
    { at: 4, register: PowerBudgetSelect },
    { at: 8, register: PowerBudgetData },
    { at: 0x0c, register: PowerBudgetCapabilities },
  ],
}
