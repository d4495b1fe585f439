// What src/pci declares, and the names that <linux/pci_regs.h> has for it.
import type { FieldSpans, Register } from '../../src/bits/register.js'
import { AcsControl } from '../../src/pci/capabilities/acs.js'
import {
  AerControl,
  CorrectableStatus,
  RootErrorCommand,
  RootErrorStatus,
  UncorrectableStatus,
} from '../../src/pci/capabilities/aer.js'
import { AfCapabilities, AfControl, AfStatus, afOffset } from '../../src/pci/capabilities/af.js'
import { AtsControl } from '../../src/pci/capabilities/ats.js'
import { extendedCapabilities, standardCapabilities } from '../../src/pci/capabilities/capability-table.js'
import { DpcControl, DpcStatus } from '../../src/pci/capabilities/dpc.js'
import { MsiControl, msiOffset } from '../../src/pci/capabilities/msi.js'
import { MsixControl, MsixTable } from '../../src/pci/capabilities/msix.js'
import { PasidCapabilities, PasidControl } from '../../src/pci/capabilities/pasid.js'
import { PcieCapabilities } from '../../src/pci/capabilities/pcie.js'
import { DeviceCapabilities, DeviceControl, DeviceStatus } from '../../src/pci/capabilities/pcie-device.js'
import { LinkCapabilities, LinkControl, LinkStatus } from '../../src/pci/capabilities/pcie-link.js'
import { SlotControl, SlotStatus } from '../../src/pci/capabilities/pcie-slot.js'
import { PmCapabilities, PmControlStatus } from '../../src/pci/capabilities/pm.js'
import { RebarControl } from '../../src/pci/capabilities/rebar.js'
import { SriovControl } from '../../src/pci/capabilities/sriov.js'
import { capabilityId, extendedCapabilityId } from '../../src/pci/capability-ids.js'
import { Command } from '../../src/pci/command.js'
import { bridgeOffset, HeaderType, headerOffset } from '../../src/pci/header.js'
import { Status } from '../../src/pci/status.js'

/** `[C expression, what is declared here, where]`. */
export type Expectation = readonly [expression: string, declared: number, where: string]

/** Pairs a register's fields with the kernel's masks, which begin with `prefix`. */
function masks<F extends FieldSpans>(
  declared: Register<F>,
  prefix: string,
  names: Partial<Record<keyof F & string, string>>,
): Expectation[] {
  return Object.entries(names).map(([field, name]) => [
    `${prefix}${name}`,
    declared.mask(field as keyof F & string),
    `${declared.name}.${field}`,
  ])
}

function numbers(
  where: string,
  prefix: string,
  table: Readonly<Record<string, number>>,
  names: Record<string, string>,
) {
  return Object.entries(names).map(
    ([key, name]): Expectation => [`${prefix}${name}`, table[key] ?? -1, `${where}.${key}`],
  )
}

/** Registers whose names are not the kernel's: it has none for them, or one for two layouts. */
export const namesOfOurOwn: ReadonlySet<string> = new Set([
  ...['PCI_MSI_DATA', 'PCI_MSI_MASK', 'PCI_MSI_PENDING'], // one layout for 32-bit addresses, one for 64-bit
  ...['PCI_ERR_ROOT_COR_SRC', 'PCI_ERR_ROOT_SRC'], // PCI_ERR_ROOT_ERR_SRC, as one dword
  ...['PCI_DSN_LOW', 'PCI_DSN_HIGH', 'PCI_DLF_STATUS', 'PCI_SEC_LNKCTL3', 'PCI_SEC_LANE_ERR'],
  ...['PCI_LMR_CAP', 'PCI_LMR_STATUS'],
  ...['PCI_VNDR_LENGTH', 'PCI_SATA_REVISION', 'PCI_SID', 'PCI_DBG'],
])

/** Every register of every capability stands where the kernel says that it does. */
const placed: Expectation[] = [...standardCapabilities.values(), ...extendedCapabilities.values()].flatMap(
  (capability) =>
    capability.registers
      .filter(({ register }) => !namesOfOurOwn.has(register.name))
      .map(({ at, register }): Expectation => [register.name, at, `${capability.name}: offset of ${register.name}`]),
)

export const pciExpectations: readonly Expectation[] = [
  ...placed,
  ...masks(Command, 'PCI_COMMAND_', {
    ioSpace: 'IO',
    memorySpace: 'MEMORY',
    busMaster: 'MASTER',
    specialCycles: 'SPECIAL',
    memoryWriteInvalidate: 'INVALIDATE',
    vgaSnoop: 'VGA_PALETTE',
    parityError: 'PARITY',
    stepping: 'WAIT',
    serrEnable: 'SERR',
    fastBackToBack: 'FAST_BACK',
    intxDisable: 'INTX_DISABLE',
  }),
  ...masks(Status, 'PCI_STATUS_', {
    immediateReadiness: 'IMM_READY',
    interrupt: 'INTERRUPT',
    capabilitiesList: 'CAP_LIST',
    capable66MHz: '66MHZ',
    userDefinable: 'UDF',
    fastBackToBack: 'FAST_BACK',
    masterParityError: 'PARITY',
    devselTiming: 'DEVSEL_MASK',
    signaledTargetAbort: 'SIG_TARGET_ABORT',
    receivedTargetAbort: 'REC_TARGET_ABORT',
    receivedMasterAbort: 'REC_MASTER_ABORT',
    signaledSystemError: 'SIG_SYSTEM_ERROR',
    detectedParityError: 'DETECTED_PARITY',
  }),
  ...masks(HeaderType, 'PCI_HEADER_TYPE_', { layout: 'MASK', multiFunction: 'MFD' }),
  ...numbers('headerOffset', 'PCI_', headerOffset, {
    vendorId: 'VENDOR_ID',
    deviceId: 'DEVICE_ID',
    command: 'COMMAND',
    status: 'STATUS',
    revision: 'REVISION_ID',
    programmingInterface: 'CLASS_PROG',
    subclass: 'CLASS_DEVICE',
    cacheLineSize: 'CACHE_LINE_SIZE',
    latencyTimer: 'LATENCY_TIMER',
    headerType: 'HEADER_TYPE',
    bist: 'BIST',
    bar0: 'BASE_ADDRESS_0',
    bar1: 'BASE_ADDRESS_1',
    bar2: 'BASE_ADDRESS_2',
    bar3: 'BASE_ADDRESS_3',
    bar4: 'BASE_ADDRESS_4',
    bar5: 'BASE_ADDRESS_5',
    cardbusCis: 'CARDBUS_CIS',
    subsystemVendorId: 'SUBSYSTEM_VENDOR_ID',
    subsystemId: 'SUBSYSTEM_ID',
    rom: 'ROM_ADDRESS',
    capabilities: 'CAPABILITY_LIST',
    interruptLine: 'INTERRUPT_LINE',
    interruptPin: 'INTERRUPT_PIN',
    minGnt: 'MIN_GNT',
    maxLat: 'MAX_LAT',
  }),
  ...numbers('bridgeOffset', 'PCI_', bridgeOffset, {
    primaryBus: 'PRIMARY_BUS',
    secondaryBus: 'SECONDARY_BUS',
    subordinateBus: 'SUBORDINATE_BUS',
    secondaryLatencyTimer: 'SEC_LATENCY_TIMER',
    ioBase: 'IO_BASE',
    ioLimit: 'IO_LIMIT',
    secondaryStatus: 'SEC_STATUS',
    memoryBase: 'MEMORY_BASE',
    memoryLimit: 'MEMORY_LIMIT',
    prefetchableBase: 'PREF_MEMORY_BASE',
    prefetchableLimit: 'PREF_MEMORY_LIMIT',
    prefetchableBaseUpper: 'PREF_BASE_UPPER32',
    prefetchableLimitUpper: 'PREF_LIMIT_UPPER32',
    ioBaseUpper: 'IO_BASE_UPPER16',
    ioLimitUpper: 'IO_LIMIT_UPPER16',
    rom: 'ROM_ADDRESS1',
    bridgeControl: 'BRIDGE_CONTROL',
  }),
  ...masks(PmCapabilities, 'PCI_PM_CAP_', {
    version: 'VER_MASK',
    pmeClock: 'PME_CLOCK',
    deviceSpecificInit: 'DSI',
    auxCurrent: 'AUX_POWER',
    d1: 'D1',
    d2: 'D2',
    pmeD0: 'PME_D0',
    pmeD3Hot: 'PME_D3hot',
    pmeD3Cold: 'PME_D3cold',
  }),
  ...masks(PmControlStatus, 'PCI_PM_CTRL_', {
    powerState: 'STATE_MASK',
    noSoftReset: 'NO_SOFT_RESET',
    pmeEnable: 'PME_ENABLE',
    dataSelect: 'DATA_SEL_MASK',
    dataScale: 'DATA_SCALE_MASK',
    pmeStatus: 'PME_STATUS',
  }),
  ...masks(MsiControl, 'PCI_MSI_FLAGS_', {
    enable: 'ENABLE',
    multipleCapable: 'QMASK',
    multipleEnable: 'QSIZE',
    address64: '64BIT',
    perVectorMasking: 'MASKBIT',
  }),
  ...numbers('msiOffset', 'PCI_MSI_', msiOffset, {
    data32: 'DATA_32',
    data64: 'DATA_64',
    mask32: 'MASK_32',
    mask64: 'MASK_64',
    pending32: 'PENDING_32',
    pending64: 'PENDING_64',
  }),
  ...masks(MsixControl, 'PCI_MSIX_FLAGS_', { tableSize: 'QSIZE', functionMask: 'MASKALL', enable: 'ENABLE' }),
  ...masks(MsixTable, 'PCI_MSIX_TABLE_', { bar: 'BIR', offset: 'OFFSET' }),
  ...numbers('afOffset', 'PCI_AF_', afOffset, { length: 'LENGTH' }),
  ...masks(AfCapabilities, 'PCI_AF_CAP_', { transactionsPending: 'TP', flr: 'FLR' }),
  ...masks(AfControl, 'PCI_AF_CTRL_', { initiateFlr: 'FLR' }),
  ...masks(AfStatus, 'PCI_AF_STATUS_', { transactionsPending: 'TP' }),
  ...masks(PcieCapabilities, 'PCI_EXP_FLAGS_', {
    version: 'VERS',
    portType: 'TYPE',
    slotImplemented: 'SLOT',
    interruptMessage: 'IRQ',
  }),
  ...masks(DeviceCapabilities, 'PCI_EXP_DEVCAP_', {
    maxPayload: 'PAYLOAD',
    phantomFunctions: 'PHANTOM',
    extendedTag: 'EXT_TAG',
    l0sLatency: 'L0S',
    l1Latency: 'L1',
    roleBasedErrors: 'RBER',
    slotPowerLimit: 'PWR_VAL',
    slotPowerScale: 'PWR_SCL',
    flr: 'FLR',
    teeIo: 'TEE',
  }),
  ...masks(DeviceControl, 'PCI_EXP_DEVCTL_', {
    correctableErrors: 'CERE',
    nonFatalErrors: 'NFERE',
    fatalErrors: 'FERE',
    unsupportedRequests: 'URRE',
    relaxedOrdering: 'RELAX_EN',
    maxPayload: 'PAYLOAD',
    extendedTag: 'EXT_TAG',
    phantomFunctions: 'PHANTOM',
    auxPower: 'AUX_PME',
    noSnoop: 'NOSNOOP_EN',
    maxReadRequest: 'READRQ',
    initiateFlr: 'BCR_FLR',
  }),
  ...masks(DeviceStatus, 'PCI_EXP_DEVSTA_', {
    correctableError: 'CED',
    nonFatalError: 'NFED',
    fatalError: 'FED',
    unsupportedRequest: 'URD',
    auxPower: 'AUXPD',
    transactionsPending: 'TRPND',
  }),
  ...masks(LinkCapabilities, 'PCI_EXP_LNKCAP_', {
    maxSpeed: 'SLS',
    maxWidth: 'MLW',
    aspm: 'ASPMS',
    surpriseDown: 'SDERC',
    linkActiveReporting: 'DLLLARC',
    portNumber: 'PN',
  }),
  ...masks(LinkControl, 'PCI_EXP_LNKCTL_', { aspm: 'ASPMC', disable: 'LD', retrain: 'RL', commonClock: 'CCC' }),
  ...masks(LinkStatus, 'PCI_EXP_LNKSTA_', { speed: 'CLS', width: 'NLW', training: 'LT', linkActive: 'DLLLA' }),
  ...masks(SlotControl, 'PCI_EXP_SLTCTL_', { attentionButton: 'ABPE', powerController: 'PCC', interlock: 'EIC' }),
  ...masks(SlotStatus, 'PCI_EXP_SLTSTA_', { presenceChanged: 'PDC', presenceState: 'PDS', linkStateChanged: 'DLLSC' }),
  ...masks(UncorrectableStatus, 'PCI_ERR_UNC_', {
    dataLinkProtocol: 'DLP',
    surpriseDown: 'SURPDN',
    poisonedTlp: 'POISON_TLP',
    completionTimeout: 'COMP_TIME',
    completerAbort: 'COMP_ABORT',
    malformedTlp: 'MALF_TLP',
    unsupportedRequest: 'UNSUP',
    acsViolation: 'ACSV',
    internal: 'INTN',
    tlpPrefixBlocked: 'TLPPRE',
  }),
  ...masks(CorrectableStatus, 'PCI_ERR_COR_', {
    receiverError: 'RCVR',
    badTlp: 'BAD_TLP',
    replayRollover: 'REP_ROLL',
    replayTimeout: 'REP_TIMER',
    advisoryNonFatal: 'ADV_NFAT',
    headerLogOverflow: 'LOG_OVER',
  }),
  ...masks(AerControl, 'PCI_ERR_CAP_', { ecrcGenerationEnable: 'ECRC_GENE', ecrcCheckEnable: 'ECRC_CHKE' }),
  ...masks(RootErrorCommand, 'PCI_ERR_ROOT_CMD_', {
    correctable: 'COR_EN',
    nonFatal: 'NONFATAL_EN',
    fatal: 'FATAL_EN',
  }),
  ...masks(RootErrorStatus, 'PCI_ERR_ROOT_', { correctableReceived: 'COR_RCV', interruptMessage: 'AER_IRQ' }),
  ...masks(SriovControl, 'PCI_SRIOV_CTRL_', {
    vfEnable: 'VFE',
    vfMigration: 'VFM',
    vfMemorySpace: 'MSE',
    ariHierarchy: 'ARI',
  }),
  ...masks(AcsControl, 'PCI_ACS_', {
    sourceValidation: 'SV',
    requestRedirect: 'RR',
    completionRedirect: 'CR',
    upstreamForwarding: 'UF',
    directTranslated: 'DT',
  }),
  ...masks(AtsControl, 'PCI_ATS_CTRL_', { enable: 'ENABLE' }),
  ...masks(PasidCapabilities, 'PCI_PASID_CAP_', { execute: 'EXEC', privileged: 'PRIV', width: 'WIDTH' }),
  ...masks(PasidControl, 'PCI_PASID_CTRL_', { enable: 'ENABLE', execute: 'EXEC', privileged: 'PRIV' }),
  ...masks(DpcControl, 'PCI_EXP_DPC_CTL_', { interrupt: 'INT_EN' }),
  ...masks(DpcStatus, 'PCI_EXP_DPC_STATUS_', { triggered: 'TRIGGER', reason: 'TRIGGER_RSN', interrupt: 'INTERRUPT' }),
  ...masks(RebarControl, 'PCI_REBAR_CTRL_', { barIndex: 'BAR_IDX', barCount: 'NBAR_MASK' }),
  ...numbers('capabilityId', 'PCI_CAP_ID_', capabilityId, {
    pm: 'PM',
    agp: 'AGP',
    vpd: 'VPD',
    slotId: 'SLOTID',
    msi: 'MSI',
    hotSwap: 'CHSWP',
    pcix: 'PCIX',
    hyperTransport: 'HT',
    vendor: 'VNDR',
    debugPort: 'DBG',
    resourceControl: 'CCRC',
    hotPlug: 'SHPC',
    subsystemId: 'SSVID',
    agp3: 'AGP3',
    secure: 'SECDEV',
    pcie: 'EXP',
    msix: 'MSIX',
    sata: 'SATA',
    af: 'AF',
    enhancedAllocation: 'EA',
  }),
  ...numbers('extendedCapabilityId', 'PCI_EXT_CAP_ID_', extendedCapabilityId, {
    aer: 'ERR',
    virtualChannel: 'VC',
    deviceSerialNumber: 'DSN',
    powerBudgeting: 'PWR',
    rootComplexLink: 'RCLD',
    rootComplexInternalLink: 'RCILC',
    rootComplexEventCollector: 'RCEC',
    multiFunctionVirtualChannel: 'MFVC',
    virtualChannel9: 'VC9',
    rootComplexRegisterBlock: 'RCRB',
    vendor: 'VNDR',
    configurationAccess: 'CAC',
    acs: 'ACS',
    ari: 'ARI',
    ats: 'ATS',
    sriov: 'SRIOV',
    mriov: 'MRIOV',
    multicast: 'MCAST',
    pri: 'PRI',
    amd: 'AMD_XXX',
    resizableBar: 'REBAR',
    dynamicPowerAllocation: 'DPA',
    tph: 'TPH',
    ltr: 'LTR',
    secondaryPcie: 'SECPCI',
    protocolMultiplexing: 'PMUX',
    pasid: 'PASID',
    dpc: 'DPC',
    l1PmSubstates: 'L1SS',
    ptm: 'PTM',
    dvsec: 'DVSEC',
    vfResizableBar: 'VF_REBAR',
    dataLinkFeature: 'DLF',
    physicalLayer16: 'PL_16GT',
    npem: 'NPEM',
    physicalLayer32: 'PL_32GT',
    doe: 'DOE',
    device3: 'DEV3',
    integrityEncryption: 'IDE',
    physicalLayer64: 'PL_64GT',
  }),
]
