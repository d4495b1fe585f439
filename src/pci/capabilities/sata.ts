// Serial ATA index/data pair (Serial ATA AHCI 1.3.1 section 2.4).
import { register } from '../../bits/register.js'
import { capabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const sataOffset = { revision: 2, bar: 4 } as const

export const SataRevision = register('PCI_SATA_REVISION', 16, { minor: [3, 0], major: [7, 4] })
/** `location` 4 to 9 is a BAR plus four, 15 is configuration space; `offset` counts dwords. */
export const SataBar = register('PCI_SATA_REGS', 32, { location: [3, 0], offset: [23, 4] })

export const serialAta: CapabilityDefinition = {
  id: capabilityId.sata,
  name: 'Serial ATA Index/Data Pair',
  length: 8,
  registers: [
    { at: sataOffset.revision, register: SataRevision },
    { at: sataOffset.bar, register: SataBar },
  ],
}
