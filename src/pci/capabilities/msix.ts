// MSI-X (PCIe 6.0 section 7.7.2).
import { register } from '../../bits/register.js'
import { capabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const msixOffset = { control: 2, table: 4, pba: 8 } as const

export const MsixControl = register('PCI_MSIX_FLAGS', 16, {
  /** One less than the number of vectors. */
  tableSize: [10, 0],
  functionMask: [14],
  enable: [15],
})

/** `offset` counts in units of 8 bytes. */
export const MsixTable = register('PCI_MSIX_TABLE', 32, { bar: [2, 0], offset: [31, 3] })
export const MsixPba = register('PCI_MSIX_PBA', 32, { bar: [2, 0], offset: [31, 3] })

export const messageSignaledInterruptsX: CapabilityDefinition = {
  id: capabilityId.msix,
  name: 'MSI-X',
  length: 12,
  registers: [
    { at: msixOffset.control, register: MsixControl },
    { at: msixOffset.table, register: MsixTable },
    { at: msixOffset.pba, register: MsixPba },
  ],
}
