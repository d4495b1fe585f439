// Power Management (PCI Power Management Interface 1.2 section 3, PCIe 6.0 section 7.5.2).
import { register } from '../../bits/register.js'
import { capabilityId } from '../capability-ids.js'
import { headerLayout } from '../header.js'
import type { CapabilityDefinition } from './capability-definition.js'

export const pmOffset = { capabilities: 2, controlStatus: 4, bridgeExtensions: 6, data: 7 } as const

export const PmCapabilities = register('PCI_PM_PMC', 16, {
  version: [2, 0],
  pmeClock: [3],
  immediateReadiness: [4],
  deviceSpecificInit: [5],
  auxCurrent: [8, 6],
  d1: [9],
  d2: [10],
  pmeD0: [11],
  pmeD1: [12],
  pmeD2: [13],
  pmeD3Hot: [14],
  pmeD3Cold: [15],
})

/** PMCSR. `noSoftReset` clear means that D3hot to D0 resets the function. */
export const PmControlStatus = register('PCI_PM_CTRL', 16, {
  powerState: [1, 0],
  noSoftReset: [3],
  pmeEnable: [8],
  dataSelect: [12, 9],
  dataScale: [14, 13],
  pmeStatus: [15],
})

export const PmBridgeExtensions = register('PCI_PM_PPB_EXTENSIONS', 8, { b2OnD3Hot: [6], powerClockControl: [7] })

const PmData = register('PCI_PM_DATA_REGISTER', 8, { value: [7, 0] })

export const powerManagement: CapabilityDefinition = {
  id: capabilityId.pm,
  name: 'Power Management',
  length: 8,
  registers: [
    { at: pmOffset.capabilities, register: PmCapabilities },
    { at: pmOffset.controlStatus, register: PmControlStatus },
    {
      at: pmOffset.bridgeExtensions,
      register: PmBridgeExtensions,
      when: (view) => view.headerLayout === headerLayout.bridge,
    },
    { at: pmOffset.data, register: PmData },
  ],
}
