import { register } from '../bits/register.js'

/** Status (PCIe 6.0 section 7.5.1.1.4). */
export const Status = register('PCI_STATUS', 16, {
  immediateReadiness: [0],
  interrupt: [3],
  capabilitiesList: [4],
  capable66MHz: [5],
  userDefinable: [6],
  fastBackToBack: [7],
  masterParityError: [8],
  devselTiming: [10, 9],
  signaledTargetAbort: [11],
  receivedTargetAbort: [12],
  receivedMasterAbort: [13],
  signaledSystemError: [14],
  detectedParityError: [15],
})

/** A bridge's status of its secondary side (PCIe 6.0 section 7.5.1.3.7); bit 14 is *received* System Error. */
export const SecondaryStatus = register('PCI_SEC_STATUS', 16, {
  capable66MHz: [5],
  userDefinable: [6],
  fastBackToBack: [7],
  masterParityError: [8],
  devselTiming: [10, 9],
  signaledTargetAbort: [11],
  receivedTargetAbort: [12],
  receivedMasterAbort: [13],
  receivedSystemError: [14],
  detectedParityError: [15],
})
