// Which printer a capability has. What is not here prints by its number.
import { capabilityId, extendedCapabilityId } from '../capability-ids.js'
import { aerPrinter } from './aer.js'
import { type CapabilityPrinter, titleOnly } from './capability-printer.js'
import { doePrinter, dsnPrinter, rebarPrinter, tphPrinter, vfRebarPrinter } from './device-extended.js'
import { expressPrinter } from './express.js'
import {
  dpcPrinter,
  l1pmPrinter,
  laneMarginingPrinter,
  ltrPrinter,
  ptmPrinter,
  secondaryPciePrinter,
} from './link-extended.js'
import { msiPrinter, msixPrinter } from './msi.js'
import { pmPrinter } from './pm.js'
import { afPrinter, debugPortPrinter, sataPrinter, slotIdPrinter, subsystemPrinter } from './small-capabilities.js'
import { sriovPrinter } from './sriov.js'
import { acsPrinter, ariPrinter, atsPrinter, pasidPrinter, priPrinter } from './translation.js'
import { dvsecPrinter, vendorPrinter, vsecPrinter } from './vendor.js'
import { virtualChannelPrinter } from './virtual-channel.js'

type PrinterTable = Readonly<Record<number, CapabilityPrinter>>

const std = capabilityId
const ext = extendedCapabilityId

export const standardPrinters: PrinterTable = {
  [std.null]: titleOnly('Null'),
  [std.pm]: pmPrinter,
  [std.agp]: titleOnly('AGP'),
  [std.vpd]: titleOnly('Vital Product Data'),
  [std.slotId]: slotIdPrinter,
  [std.msi]: msiPrinter,
  [std.hotSwap]: titleOnly('CompactPCI hot-swap <?>'),
  [std.pcix]: titleOnly('PCI-X'),
  [std.hyperTransport]: titleOnly('HyperTransport'),
  [std.vendor]: vendorPrinter,
  [std.debugPort]: debugPortPrinter,
  [std.resourceControl]: titleOnly('CompactPCI central resource control <?>'),
  [std.hotPlug]: titleOnly('Hot-plug capable'),
  [std.subsystemId]: subsystemPrinter,
  [std.agp3]: titleOnly('AGP3 <?>'),
  [std.secure]: titleOnly('Secure device <?>'),
  [std.pcie]: expressPrinter,
  [std.msix]: msixPrinter,
  [std.sata]: sataPrinter,
  [std.af]: afPrinter,
  [std.enhancedAllocation]: titleOnly('Enhanced Allocation (EA)'),
}

export const extendedPrinters: PrinterTable = {
  [ext.null]: titleOnly('Null'),
  [ext.aer]: aerPrinter,
  [ext.virtualChannel]: virtualChannelPrinter,
  [ext.deviceSerialNumber]: dsnPrinter,
  [ext.powerBudgeting]: titleOnly('Power Budgeting <?>'),
  [ext.rootComplexLink]: titleOnly('Root Complex Link'),
  [ext.rootComplexInternalLink]: titleOnly('Root Complex Internal Link <?>'),
  [ext.rootComplexEventCollector]: titleOnly('Root Complex Event Collector Endpoint Association'),
  [ext.multiFunctionVirtualChannel]: titleOnly('Multi-Function Virtual Channel <?>'),
  [ext.virtualChannel9]: virtualChannelPrinter,
  [ext.rootComplexRegisterBlock]: titleOnly('Root Complex Register Block <?>'),
  [ext.vendor]: vsecPrinter,
  [ext.acs]: acsPrinter,
  [ext.ari]: ariPrinter,
  [ext.ats]: atsPrinter,
  [ext.sriov]: sriovPrinter,
  [ext.mriov]: titleOnly('Multi-Root I/O Virtualization <?>'),
  [ext.multicast]: titleOnly('Multicast'),
  [ext.pri]: priPrinter,
  [ext.resizableBar]: rebarPrinter,
  [ext.dynamicPowerAllocation]: titleOnly('Dynamic Power Allocation <?>'),
  [ext.tph]: tphPrinter,
  [ext.ltr]: ltrPrinter,
  [ext.secondaryPcie]: secondaryPciePrinter,
  [ext.protocolMultiplexing]: titleOnly('Protocol Multiplexing <?>'),
  [ext.pasid]: pasidPrinter,
  [ext.lnRequester]: titleOnly('LN Requester <?>'),
  [ext.dpc]: dpcPrinter,
  [ext.l1PmSubstates]: l1pmPrinter,
  [ext.ptm]: ptmPrinter,
  [ext.mPcie]: titleOnly('PCI Express over M_PHY <?>'),
  [ext.frsQueueing]: titleOnly('FRS Queueing <?>'),
  [ext.readinessTimeReporting]: titleOnly('Readiness Time Reporting <?>'),
  [ext.dvsec]: dvsecPrinter,
  [ext.vfResizableBar]: vfRebarPrinter,
  [ext.dataLinkFeature]: titleOnly('Data Link Feature <?>'),
  [ext.physicalLayer16]: titleOnly('Physical Layer 16.0 GT/s <?>'),
  [ext.laneMargining]: laneMarginingPrinter,
  [ext.hierarchyId]: titleOnly('Hierarchy ID <?>'),
  [ext.npem]: titleOnly('Native PCIe Enclosure Management <?>'),
  [ext.physicalLayer32]: titleOnly('Physical Layer 32.0 GT/s <?>'),
  [ext.doe]: doePrinter,
  [ext.integrityEncryption]: titleOnly('Integrity & Data Encryption'),
}
