// Latency Tolerance Reporting (PCIe 6.0 section 7.8.2).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const ltrOffset = { maxSnoop: 4, maxNoSnoop: 6 } as const

/** Nanoseconds are value << (5 * scale). */
const latency = { value: [9, 0], scale: [12, 10] } as const

export const MaxSnoopLatency = register('PCI_LTR_MAX_SNOOP_LAT', 16, latency)
export const MaxNoSnoopLatency = register('PCI_LTR_MAX_NOSNOOP_LAT', 16, latency)

export const latencyToleranceReporting: CapabilityDefinition = {
  id: extendedCapabilityId.ltr,
  name: 'Latency Tolerance Reporting',
  length: 8,
  registers: [
    { at: ltrOffset.maxSnoop, register: MaxSnoopLatency },
    { at: ltrOffset.maxNoSnoop, register: MaxNoSnoopLatency },
  ],
}
