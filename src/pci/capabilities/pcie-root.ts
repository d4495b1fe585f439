// Root registers of the PCI Express capability (PCIe 6.0 sections 7.5.3.12 to 7.5.3.14).
import { register } from '../../bits/register.js'

export const RootControl = register('PCI_EXP_RTCTL', 16, {
  correctableErrors: [0],
  nonFatalErrors: [1],
  fatalErrors: [2],
  pmeInterrupt: [3],
  crsVisibility: [4],
})

export const RootCapabilities = register('PCI_EXP_RTCAP', 16, { crsVisibility: [0] })

export const RootStatus = register('PCI_EXP_RTSTA', 32, {
  pmeRequesterId: [15, 0],
  pmeStatus: [16],
  pmePending: [17],
})
