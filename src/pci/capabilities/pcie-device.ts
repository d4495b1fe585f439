// Device registers of the PCI Express capability (PCIe 6.0 sections 7.5.3.3 to 7.5.3.5 and 7.5.3.15 to 7.5.3.17).
import { register } from '../../bits/register.js'

export const DeviceCapabilities = register('PCI_EXP_DEVCAP', 32, {
  /** Bytes are 128 << value. */
  maxPayload: [2, 0],
  phantomFunctions: [4, 3],
  extendedTag: [5],
  l0sLatency: [8, 6],
  l1Latency: [11, 9],
  attentionButton: [12],
  attentionIndicator: [13],
  powerIndicator: [14],
  roleBasedErrors: [15],
  errCorSubclass: [16],
  slotPowerLimit: [25, 18],
  slotPowerScale: [27, 26],
  flr: [28],
  mixedMps: [29],
  teeIo: [30],
})

export const DeviceControl = register('PCI_EXP_DEVCTL', 16, {
  correctableErrors: [0],
  nonFatalErrors: [1],
  fatalErrors: [2],
  unsupportedRequests: [3],
  relaxedOrdering: [4],
  maxPayload: [7, 5],
  extendedTag: [8],
  phantomFunctions: [9],
  auxPower: [10],
  noSnoop: [11],
  maxReadRequest: [14, 12],
  /** On a PCIe-to-PCI bridge the same bit is Bridge Configuration Retry Enable. */
  initiateFlr: [15],
})

export const DeviceStatus = register('PCI_EXP_DEVSTA', 16, {
  correctableError: [0],
  nonFatalError: [1],
  fatalError: [2],
  unsupportedRequest: [3],
  auxPower: [4],
  transactionsPending: [5],
  emergencyPowerReduction: [6],
})

export const DeviceCapabilities2 = register('PCI_EXP_DEVCAP2', 32, {
  completionTimeoutRanges: [3, 0],
  completionTimeoutDisable: [4],
  ariForwarding: [5],
  atomicRouting: [6],
  atomic32: [7],
  atomic64: [8],
  atomicCas128: [9],
  noRelaxedOrderingPassing: [10],
  ltr: [11],
  tphCompleter: [13, 12],
  lnSystemCls: [15, 14],
  tag10BitCompleter: [16],
  tag10BitRequester: [17],
  obff: [19, 18],
  extendedFmt: [20],
  endToEndPrefix: [21],
  maxEndToEndPrefixes: [23, 22],
  emergencyPowerReduction: [25, 24],
  emergencyPowerReductionInit: [26],
  frs: [31],
})

export const DeviceControl2 = register('PCI_EXP_DEVCTL2', 16, {
  completionTimeout: [3, 0],
  completionTimeoutDisable: [4],
  ariForwarding: [5],
  atomicRequester: [6],
  atomicEgressBlocking: [7],
  idoRequest: [8],
  idoCompletion: [9],
  ltr: [10],
  emergencyPowerReductionRequest: [11],
  tag10BitRequester: [12],
  obff: [14, 13],
  endToEndPrefixBlocking: [15],
})

export const DeviceStatus2 = register('PCI_EXP_DEVSTA2', 16, {})
