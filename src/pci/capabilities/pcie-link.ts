// Link registers of the PCI Express capability (PCIe 6.0 sections 7.5.3.6 to 7.5.3.8 and 7.5.3.18 to 7.5.3.20).
import { register } from '../../bits/register.js'

export const LinkCapabilities = register('PCI_EXP_LNKCAP', 32, {
  maxSpeed: [3, 0],
  maxWidth: [9, 4],
  aspm: [11, 10],
  l0sExitLatency: [14, 12],
  l1ExitLatency: [17, 15],
  clockPowerManagement: [18],
  surpriseDown: [19],
  linkActiveReporting: [20],
  bandwidthNotification: [21],
  aspmOptionality: [22],
  portNumber: [31, 24],
})

export const LinkControl = register('PCI_EXP_LNKCTL', 16, {
  aspm: [1, 0],
  readCompletionBoundary128: [3],
  disable: [4],
  retrain: [5],
  commonClock: [6],
  extendedSynch: [7],
  clockPowerManagement: [8],
  autonomousWidthDisable: [9],
  bandwidthInterrupt: [10],
  autonomousBandwidthInterrupt: [11],
  drsSignaling: [15, 14],
})

export const LinkStatus = register('PCI_EXP_LNKSTA', 16, {
  speed: [3, 0],
  width: [9, 4],
  trainingError: [10],
  training: [11],
  slotClock: [12],
  linkActive: [13],
  bandwidthManagement: [14],
  autonomousBandwidth: [15],
})

export const LinkCapabilities2 = register('PCI_EXP_LNKCAP2', 32, {
  speeds: [7, 1],
  crosslink: [8],
  lowerSkpGeneration: [15, 9],
  lowerSkpReception: [22, 16],
  retimer: [23],
  twoRetimers: [24],
  drs: [31],
})

export const LinkControl2 = register('PCI_EXP_LNKCTL2', 16, {
  targetSpeed: [3, 0],
  enterCompliance: [4],
  autonomousSpeedDisable: [5],
  selectableDeemphasis: [6],
  transmitMargin: [9, 7],
  enterModifiedCompliance: [10],
  complianceSos: [11],
  compliancePreset: [15, 12],
})

export const LinkStatus2 = register('PCI_EXP_LNKSTA2', 16, {
  currentDeemphasis: [0],
  equalizationComplete: [1],
  equalizationPhase1: [2],
  equalizationPhase2: [3],
  equalizationPhase3: [4],
  equalizationRequest: [5],
  retimer: [6],
  twoRetimers: [7],
  crosslinkResolution: [9, 8],
  flit: [10],
  downstreamComponent: [14, 12],
  drsReceived: [15],
})
