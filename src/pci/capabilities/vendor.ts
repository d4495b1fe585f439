// The vendor-specific capabilities: standard (PCIe 6.0 section 7.9.4), extended VSEC (7.9.5) and DVSEC (7.9.6).
import { register } from '../../bits/register.js'
import { capabilityId, extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const vendorOffset = { length: 2, type: 3 } as const
export const vsecOffset = { header: 4 } as const
export const dvsecOffset = { header1: 4, header2: 8 } as const

export const VendorLength = register('PCI_VNDR_LENGTH', 8, { bytes: [7, 0] })
export const VsecHeader = register('PCI_VNDR_HEADER', 32, { id: [15, 0], revision: [19, 16], length: [31, 20] })
export const DvsecHeader1 = register('PCI_DVSEC_HEADER1', 32, {
  vendorId: [15, 0],
  revision: [19, 16],
  length: [31, 20],
})
export const DvsecHeader2 = register('PCI_DVSEC_HEADER2', 16, { id: [15, 0] })

export const vendorSpecific: CapabilityDefinition = {
  id: capabilityId.vendor,
  name: 'Vendor Specific',
  length: (view) => view.read(vendorOffset.length, 1),
  registers: [{ at: vendorOffset.length, register: VendorLength }],
}

export const vendorSpecificExtended: CapabilityDefinition = {
  id: extendedCapabilityId.vendor,
  name: 'Vendor Specific Extended',
  length: (view) => VsecHeader.decode(view.read(vsecOffset.header, 4)).length,
  registers: [{ at: vsecOffset.header, register: VsecHeader }],
}

export const designatedVendorSpecific: CapabilityDefinition = {
  id: extendedCapabilityId.dvsec,
  name: 'Designated Vendor Specific',
  length: (view) => DvsecHeader1.decode(view.read(dvsecOffset.header1, 4)).length,
  registers: [
    { at: dvsecOffset.header1, register: DvsecHeader1 },
    { at: dvsecOffset.header2, register: DvsecHeader2 },
  ],
}
