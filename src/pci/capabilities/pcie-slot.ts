// Slot registers of the PCI Express capability (PCIe 6.0 sections 7.5.3.9 to 7.5.3.11).
import { register } from '../../bits/register.js'

export const SlotCapabilities = register('PCI_EXP_SLTCAP', 32, {
  attentionButton: [0],
  powerController: [1],
  mrlSensor: [2],
  attentionIndicator: [3],
  powerIndicator: [4],
  hotPlugSurprise: [5],
  hotPlugCapable: [6],
  powerLimit: [14, 7],
  powerScale: [16, 15],
  interlock: [17],
  noCommandCompleted: [18],
  slotNumber: [31, 19],
})

export const SlotControl = register('PCI_EXP_SLTCTL', 16, {
  attentionButton: [0],
  powerFault: [1],
  mrlSensor: [2],
  presenceDetect: [3],
  commandCompleted: [4],
  hotPlugInterrupt: [5],
  attentionIndicator: [7, 6],
  powerIndicator: [9, 8],
  /** Set means that the power is off. */
  powerController: [10],
  interlock: [11],
  linkStateChanged: [12],
  autoPowerLimitDisable: [13],
  inBandPresenceDisable: [14],
})

export const SlotStatus = register('PCI_EXP_SLTSTA', 16, {
  attentionButton: [0],
  powerFault: [1],
  mrlChanged: [2],
  presenceChanged: [3],
  commandCompleted: [4],
  mrlState: [5],
  presenceState: [6],
  interlock: [7],
  linkStateChanged: [8],
})
