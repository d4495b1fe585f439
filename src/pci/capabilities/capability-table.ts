// Every capability that the specifications name, by id: those with a file of their own, and the rest by name alone.
import { capabilityId, extendedCapabilityId } from '../capability-ids.js'
import { accessControlServices } from './acs.js'
import { advancedErrorReporting } from './aer.js'
import { advancedFeatures } from './af.js'
import { alternativeRoutingId } from './ari.js'
import { addressTranslation } from './ats.js'
import type { CapabilityDefinition } from './capability-definition.js'
import { dataLinkFeature } from './data-link-feature.js'
import { dataObjectExchange } from './doe.js'
import { downstreamPortContainment } from './dpc.js'
import { deviceSerialNumber } from './dsn.js'
import { l1PmSubstates } from './l1pm.js'
import { laneMargining } from './lane-margining.js'
import { debugPort, slotIdentification, vitalProductData } from './legacy.js'
import { latencyToleranceReporting } from './ltr.js'
import { messageSignaledInterrupts } from './msi.js'
import { messageSignaledInterruptsX } from './msix.js'
import { processAddressSpaceId } from './pasid.js'
import { pciExpress } from './pcie.js'
import { powerManagement } from './pm.js'
import { powerBudgeting } from './power-budgeting.js'
import { pageRequestInterface } from './pri.js'
import { precisionTimeMeasurement } from './ptm.js'
import { resizableBar, vfResizableBar } from './rebar.js'
import { serialAta } from './sata.js'
import { secondaryPcie } from './secondary-pcie.js'
import { singleRootIov } from './sriov.js'
import { bridgeSubsystem } from './subsystem.js'
import { tphRequester } from './tph.js'
import { designatedVendorSpecific, vendorSpecific, vendorSpecificExtended } from './vendor.js'
import { virtualChannel, virtualChannel9 } from './virtual-channel.js'

type CapabilityTable = ReadonlyMap<number, CapabilityDefinition>

/** Known by name; `length` is what the header takes. */
function named(length: number, names: readonly (readonly [id: number, name: string])[]): CapabilityDefinition[] {
  return names.map(([id, name]) => ({ id, name, length, registers: [] }))
}

function byId(...rows: CapabilityDefinition[]): CapabilityTable {
  return new Map(rows.map((row) => [row.id, row]))
}

const std = capabilityId
const ext = extendedCapabilityId

export const standardCapabilities: CapabilityTable = byId(
  powerManagement,
  vitalProductData,
  slotIdentification,
  messageSignaledInterrupts,
  vendorSpecific,
  debugPort,
  bridgeSubsystem,
  pciExpress,
  messageSignaledInterruptsX,
  serialAta,
  advancedFeatures,
  ...named(2, [
    [std.null, 'Null'],
    [std.agp, 'AGP'],
    [std.hotSwap, 'CompactPCI Hot Swap'],
    [std.pcix, 'PCI-X'],
    [std.hyperTransport, 'HyperTransport'],
    [std.resourceControl, 'CompactPCI Central Resource Control'],
    [std.hotPlug, 'PCI Hot-Plug'],
    [std.agp3, 'AGP 8x'],
    [std.secure, 'Secure Device'],
    [std.enhancedAllocation, 'Enhanced Allocation'],
    [std.flatteningPortalBridge, 'Flattening Portal Bridge'],
  ]),
)

export const extendedCapabilities: CapabilityTable = byId(
  advancedErrorReporting,
  virtualChannel,
  virtualChannel9,
  deviceSerialNumber,
  powerBudgeting,
  vendorSpecificExtended,
  accessControlServices,
  alternativeRoutingId,
  addressTranslation,
  singleRootIov,
  pageRequestInterface,
  resizableBar,
  vfResizableBar,
  tphRequester,
  latencyToleranceReporting,
  secondaryPcie,
  processAddressSpaceId,
  downstreamPortContainment,
  l1PmSubstates,
  precisionTimeMeasurement,
  designatedVendorSpecific,
  dataLinkFeature,
  dataObjectExchange,
  laneMargining,
  ...named(4, [
    [ext.null, 'Null'],
    [ext.rootComplexLink, 'Root Complex Link Declaration'],
    [ext.rootComplexInternalLink, 'Root Complex Internal Link Control'],
    [ext.rootComplexEventCollector, 'Root Complex Event Collector Endpoint Association'],
    [ext.multiFunctionVirtualChannel, 'Multi-Function Virtual Channel'],
    [ext.rootComplexRegisterBlock, 'Root Complex Register Block'],
    [ext.configurationAccess, 'Configuration Access Correlation'],
    [ext.mriov, 'Multi-Root I/O Virtualization'],
    [ext.multicast, 'Multicast'],
    [ext.amd, 'Reserved for AMD'],
    [ext.dynamicPowerAllocation, 'Dynamic Power Allocation'],
    [ext.protocolMultiplexing, 'Protocol Multiplexing'],
    [ext.lnRequester, 'LN Requester'],
    [ext.mPcie, 'M-PCIe'],
    [ext.frsQueueing, 'FRS Queueing'],
    [ext.readinessTimeReporting, 'Readiness Time Reporting'],
    [ext.physicalLayer16, 'Physical Layer 16.0 GT/s'],
    [ext.hierarchyId, 'Hierarchy ID'],
    [ext.npem, 'Native PCIe Enclosure Management'],
    [ext.physicalLayer32, 'Physical Layer 32.0 GT/s'],
    [ext.alternateProtocol, 'Alternate Protocol'],
    [ext.systemFirmwareIntermediary, 'System Firmware Intermediary'],
    [ext.shadowFunctions, 'Shadow Functions'],
    [ext.device3, 'Device 3'],
    [ext.integrityEncryption, 'Integrity and Data Encryption'],
    [ext.physicalLayer64, 'Physical Layer 64.0 GT/s'],
    [ext.flitLogging, 'Flit Logging'],
    [ext.flitPerformance, 'Flit Performance Measurement'],
    [ext.flitErrorInjection, 'Flit Error Injection'],
    [ext.streamlinedVirtualChannel, 'Streamlined Virtual Channel'],
    [ext.mmioRegisterBlockLocator, 'MMIO Register Block Locator'],
    [ext.nopFlit, 'NOP Flit'],
    [ext.siov, 'SIOV'],
  ]),
)
