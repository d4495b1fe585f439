// pci_save_state and pci_restore_state: what the kernel puts back after a reset, Bus Master Enable included.
import { msiOffset } from '../../pci/capabilities/msi.js'
import { msixOffset } from '../../pci/capabilities/msix.js'
import { pcieOffset } from '../../pci/capabilities/pcie.js'
import { capabilityId } from '../../pci/capability-ids.js'
import type { SimulatedHardware } from '../simulated-hardware.js'

const headerDwords = 16

const savedRegisters = [
  { id: capabilityId.pcie, offset: pcieOffset.deviceControl },
  { id: capabilityId.msi, offset: msiOffset.control },
  { id: capabilityId.msix, offset: msixOffset.control },
]

export interface SavedState {
  readonly header: readonly number[]
  readonly registers: readonly { readonly at: number; readonly value: number }[]
}

/** Reads through the bus: of a device that does not answer, all ones are saved. */
export function saveState(hardware: SimulatedHardware): SavedState {
  return {
    header: Array.from({ length: headerDwords }, (_, i) => hardware.readConfig(4 * i, 4)),
    registers: savedRegisters.flatMap(({ id, offset }) => {
      const at = hardware.config.capabilities.get(id)
      return at === undefined ? [] : [{ at: at + offset, value: hardware.readConfig(at + offset, 2) }]
    }),
  }
}

/** Writes what differs, capabilities first and then the header from its end. */
export function restoreState(hardware: SimulatedHardware, saved: SavedState): void {
  for (const { at, value } of saved.registers) {
    if (hardware.readConfig(at, 2) !== value) hardware.writeConfig(at, 2, value, 'kernel')
  }
  for (let i = headerDwords - 1; i >= 0; i--) {
    const value = saved.header[i] ?? 0
    if (hardware.readConfig(4 * i, 4) !== value) hardware.writeConfig(4 * i, 4, value, 'kernel')
  }
}
