// Capabilities as declarations, by specification: what a model lists to have them.
import { AfCapabilities, afOffset } from '../pci/capabilities/af.js'
import { MsiControl, msiOffset } from '../pci/capabilities/msi.js'
import { MsixControl, msixOffset } from '../pci/capabilities/msix.js'
import { DeviceCapabilities, pcieOffset } from '../pci/capabilities/pcie.js'
import { PmControlStatus, pmOffset } from '../pci/capabilities/pm.js'
import { vendorOffset } from '../pci/capabilities/vendor.js'
import { capabilityId } from '../pci/capability-ids.js'
import type { CapabilityDeclaration, ExtendedCapabilityDeclaration } from './config-declaration.js'

/** Power Management (PCI PM 1.2, 3.2). D1 and D2 are not supported. */
export function powerManagement(noSoftReset: boolean): CapabilityDeclaration {
  return {
    id: capabilityId.pm,
    length: 8,
    fields: [
      // Version 3 of the specification; no PME from any state.
      { offset: pmOffset.capabilities, width: 2, value: 3 },
      {
        offset: pmOffset.controlStatus,
        width: 2,
        value: PmControlStatus.encode({ noSoftReset }),
        writable: PmControlStatus.mask('powerState', 'pmeEnable'),
        clearedByOne: PmControlStatus.mask('pmeStatus'),
      },
    ],
  }
}

/** MSI with 64-bit addresses (PCI 3.0, 6.8.1); vectors are 1, 2, 4, 8, 16 or 32. */
export function msi(options: { vectors: number } = { vectors: 1 }): CapabilityDeclaration {
  const multipleCapable = Math.log2(options.vectors)
  const control = MsiControl.encode({ address64: true, multipleCapable })
  const writable = MsiControl.mask('enable') | (multipleCapable > 0 ? MsiControl.mask('multipleEnable') : 0)
  return {
    id: capabilityId.msi,
    length: 14,
    fields: [
      { offset: msiOffset.control, width: 2, value: control, writable },
      { offset: 4, width: 4, value: 0, writable: 0xffff_fffc },
      { offset: 8, width: 4, value: 0, writable: 0xffff_ffff },
      { offset: 12, width: 2, value: 0, writable: 0xffff },
    ],
  }
}

/** MSI-X (PCI 3.0, 6.8.2), its table and pending bits in one BAR. */
export function msix(options: { vectors: number; bar: number; table: number; pending: number }): CapabilityDeclaration {
  return {
    id: capabilityId.msix,
    length: 12,
    fields: [
      {
        offset: msixOffset.control,
        width: 2,
        value: MsixControl.encode({ tableSize: options.vectors - 1 }),
        writable: MsixControl.mask('enable', 'functionMask'),
      },
      { offset: msixOffset.table, width: 4, value: options.table | options.bar },
      { offset: msixOffset.pba, width: 4, value: options.pending | options.bar },
    ],
  }
}

/** PCI Express, version 2, as an endpoint (PCIe 5.0, 7.5.3). */
export function pciExpress(options: { flr: boolean }): CapabilityDeclaration {
  // Every bit but Initiate FLR (15), which reads as 0 and is acted upon when written.
  const deviceControl = 0x7fff
  const errors = 0x000f
  return {
    id: capabilityId.pcie,
    length: 0x3c,
    fields: [
      { offset: pcieOffset.capabilities, width: 2, value: 0x0002 },
      // Role-based error reporting is mandatory since 1.1.
      {
        offset: pcieOffset.deviceCapabilities,
        width: 4,
        value: (DeviceCapabilities.encode({ flr: options.flr }) | (1 << 15)) >>> 0,
      },
      { offset: pcieOffset.deviceControl, width: 2, value: 0x2810, writable: deviceControl },
      { offset: pcieOffset.deviceStatus, width: 2, value: 0, clearedByOne: errors },
      // Link: 2.5 GT/s, one lane.
      { offset: 0x0c, width: 4, value: 0x0000_0011 },
      { offset: 0x12, width: 2, value: 0x0011 },
    ],
  }
}

/** Advanced Features (PCI AF ECN): Function Level Reset for conventional PCI. */
export function advancedFeatures(): CapabilityDeclaration {
  return {
    id: capabilityId.af,
    length: 6,
    fields: [
      { offset: 2, width: 1, value: 6 },
      {
        offset: afOffset.capabilities,
        width: 1,
        value: AfCapabilities.encode({ transactionsPending: true, flr: true }),
      },
    ],
  }
}

/** A vendor-specific capability (PCIe 6.0, 7.9.4): what follows its length byte, which cannot be written. */
export function vendorSpecific(body: Uint8Array): CapabilityDeclaration {
  const length = vendorOffset.type + body.length
  return {
    id: capabilityId.vendor,
    length,
    fields: [
      { offset: vendorOffset.length, width: 1, value: length },
      ...Array.from(body, (value, i) => ({ offset: vendorOffset.type + i, width: 1, value }) as const),
    ],
  }
}

/** Device Serial Number (PCIe 5.0, 7.9.3). */
export function serialNumber(low: number, high: number): ExtendedCapabilityDeclaration {
  return {
    id: 0x0003,
    version: 1,
    length: 12,
    fields: [
      { offset: 4, width: 4, value: low },
      { offset: 8, width: 4, value: high },
    ],
  }
}
