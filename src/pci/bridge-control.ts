import { register } from '../bits/register.js'

/** Bridge Control of a type 1 header (PCI-to-PCI Bridge 1.2 section 3.2.5.18). */
export const BridgeControl = register('PCI_BRIDGE_CONTROL', 16, {
  parityError: [0],
  serrEnable: [1],
  isaEnable: [2],
  vgaEnable: [3],
  vga16Bit: [4],
  masterAbortMode: [5],
  secondaryBusReset: [6],
  fastBackToBack: [7],
  primaryDiscardTimer: [8],
  secondaryDiscardTimer: [9],
  discardTimerStatus: [10],
  discardTimerSerr: [11],
})
