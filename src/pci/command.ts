import { register } from '../bits/register.js'

/** Command (PCIe 6.0 section 7.5.1.1.3). */
export const Command = register('PCI_COMMAND', 16, {
  ioSpace: [0],
  memorySpace: [1],
  busMaster: [2],
  specialCycles: [3],
  memoryWriteInvalidate: [4],
  vgaSnoop: [5],
  parityError: [6],
  stepping: [7],
  serrEnable: [8],
  fastBackToBack: [9],
  intxDisable: [10],
})
