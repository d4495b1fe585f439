// Advanced Error Reporting (PCIe 6.0 section 7.8.4).
import { register } from '../../bits/register.js'
import { extendedCapabilityId } from '../capability-ids.js'
import type { CapabilityDefinition, CapabilityView } from './capability-definition.js'
import { portType } from './pcie.js'

export const aerOffset = {
  uncorrectableStatus: 0x04,
  uncorrectableMask: 0x08,
  uncorrectableSeverity: 0x0c,
  correctableStatus: 0x10,
  correctableMask: 0x14,
  control: 0x18,
  headerLog: 0x1c,
  rootCommand: 0x2c,
  rootStatus: 0x30,
  correctableSource: 0x34,
  errorSource: 0x36,
} as const

const uncorrectable = {
  dataLinkProtocol: [4],
  surpriseDown: [5],
  poisonedTlp: [12],
  flowControl: [13],
  completionTimeout: [14],
  completerAbort: [15],
  unexpectedCompletion: [16],
  receiverOverflow: [17],
  malformedTlp: [18],
  ecrc: [19],
  unsupportedRequest: [20],
  acsViolation: [21],
  internal: [22],
  mcBlockedTlp: [23],
  atomicEgressBlocked: [24],
  tlpPrefixBlocked: [25],
  poisonedTlpBlocked: [26],
  deferrableWriteBlocked: [27],
  ideCheck: [28],
  misroutedIdeTlp: [29],
  pcrcCheck: [30],
  translationBlocked: [31],
} as const

const correctable = {
  receiverError: [0],
  badTlp: [6],
  badDllp: [7],
  replayRollover: [8],
  replayTimeout: [12],
  advisoryNonFatal: [13],
  internal: [14],
  headerLogOverflow: [15],
} as const

export const UncorrectableStatus = register('PCI_ERR_UNCOR_STATUS', 32, uncorrectable)
export const UncorrectableMask = register('PCI_ERR_UNCOR_MASK', 32, uncorrectable)
export const UncorrectableSeverity = register('PCI_ERR_UNCOR_SEVER', 32, uncorrectable)
export const CorrectableStatus = register('PCI_ERR_COR_STATUS', 32, correctable)
export const CorrectableMask = register('PCI_ERR_COR_MASK', 32, correctable)

export const AerControl = register('PCI_ERR_CAP', 32, {
  firstErrorPointer: [4, 0],
  ecrcGenerationCapable: [5],
  ecrcGenerationEnable: [6],
  ecrcCheckCapable: [7],
  ecrcCheckEnable: [8],
  multipleHeaderCapable: [9],
  multipleHeaderEnable: [10],
  tlpPrefixLogPresent: [11],
  completionTimeoutLog: [12],
})

export const HeaderLog = register('PCI_ERR_HEADER_LOG', 32, { dword: [31, 0] })

export const RootErrorCommand = register('PCI_ERR_ROOT_COMMAND', 32, {
  correctable: [0],
  nonFatal: [1],
  fatal: [2],
})

export const RootErrorStatus = register('PCI_ERR_ROOT_STATUS', 32, {
  correctableReceived: [0],
  multipleCorrectable: [1],
  uncorrectableReceived: [2],
  multipleUncorrectable: [3],
  firstFatal: [4],
  nonFatalReceived: [5],
  fatalReceived: [6],
  interruptMessage: [31, 27],
})

export const CorrectableSource = register('PCI_ERR_ROOT_COR_SRC', 16, { requesterId: [15, 0] })
export const ErrorSource = register('PCI_ERR_ROOT_SRC', 16, { requesterId: [15, 0] })

/** Only root ports and root complex event collectors have the root registers. */
export function hasRootErrors(view: Pick<CapabilityView, 'portType'>): boolean {
  return view.portType === portType.rootPort || view.portType === portType.rootComplexEventCollector
}

export const advancedErrorReporting: CapabilityDefinition = {
  id: extendedCapabilityId.aer,
  name: 'Advanced Error Reporting',
  length: (view) => (hasRootErrors(view) ? 0x38 : 0x2c),
  registers: [
    { at: aerOffset.uncorrectableStatus, register: UncorrectableStatus },
    { at: aerOffset.uncorrectableMask, register: UncorrectableMask },
    { at: aerOffset.uncorrectableSeverity, register: UncorrectableSeverity },
    { at: aerOffset.correctableStatus, register: CorrectableStatus },
    { at: aerOffset.correctableMask, register: CorrectableMask },
    { at: aerOffset.control, register: AerControl },
    { at: aerOffset.headerLog, register: HeaderLog, repeat: { count: () => 4, stride: 4 } },
    { at: aerOffset.rootCommand, register: RootErrorCommand, when: hasRootErrors },
    { at: aerOffset.rootStatus, register: RootErrorStatus, when: hasRootErrors },
    { at: aerOffset.correctableSource, register: CorrectableSource, when: hasRootErrors },
    { at: aerOffset.errorSource, register: ErrorSource, when: hasRootErrors },
  ],
}
