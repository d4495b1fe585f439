// Data Link Feature (PCIe 6.0 section 7.7.4).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const DataLinkFeatureCapabilities = register('PCI_DLF_CAP', 32, {
  scaledFlowControl: [0],
  immediateReadiness: [1],
  exchangeEnable: [31],
})
export const DataLinkFeatureStatus = register('PCI_DLF_STATUS', 32, { remoteFeatures: [22, 0], remoteValid: [31] })

export const dataLinkFeature: CapabilityDefinition = {
  id: extendedCapabilityId.dataLinkFeature,
  name: 'Data Link Feature',
  length: 0x0c,
  registers: [
    { at: 4, register: DataLinkFeatureCapabilities },
    { at: 8, register: DataLinkFeatureStatus },
  ],
}
