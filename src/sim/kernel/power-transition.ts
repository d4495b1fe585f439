// What a write of PMCSR through VFIO sets off (vfio_pci_set_power_state): the result is ignored, so the owner has to
// read back; with NoSoftRst = 0 config space is saved on the way to D3hot and restored on the way back.
import { PmControlStatus } from '../../pci/capabilities/pm.js'
import type { KernelDevice } from './kernel-device.js'
import { restoreState, saveState } from './saved-state.js'

/** PCI PM 1.2 table 5-6: 10 ms between D0 and D3hot, both ways. */
const transitionUs = 10_000
const d3hot = 3

/** Moves the device to a power state as the kernel does; `at` is where its PMCSR lies. */
export function setPowerState(device: KernelDevice, at: number, target: number): void {
  const { hardware } = device
  if (target === device.powerState) return
  // pci_set_power_state refuses what is no transition of the specification: into D1 or D2, or deeper and not from D0.
  if (target !== 0 && (target !== d3hot || device.powerState !== 0)) return
  const save = device.needsPowerRestore && target === d3hot ? saveState(hardware) : undefined
  const raw = hardware.readConfig(at, 2)
  const isDead = raw === 0xffff
  if (isDead && target === 0) return
  hardware.writeConfig(at, 2, PmControlStatus.encode({ powerState: target, pmeStatus: false }, raw), 'kernel')
  hardware.clock.advance(transitionUs)
  const back = hardware.readConfig(at, 2)
  device.powerState = PmControlStatus.decode(back).powerState
  if (save !== undefined && device.powerState === d3hot) device.powerSave = save
  if (target === 0 && device.powerState === 0 && device.powerSave !== undefined) {
    restoreState(hardware, device.powerSave)
    device.powerSave = undefined
  }
}
