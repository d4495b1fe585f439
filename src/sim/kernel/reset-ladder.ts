// VFIO_DEVICE_RESET and VFIO_DEVICE_PCI_HOT_RESET, as the kernel carries them out: wake to D0, save, switch the
// device off the bus, reset, and restore Command as it was, also when the reset failed.
import type { KernelOutcome } from '../../function/kernel-outcome.js'
import { pmOffset } from '../../pci/capabilities/pm.js'
import { capabilityId } from '../../pci/capability-ids.js'
import { Command } from '../../pci/command.js'
import { headerOffset } from '../../pci/header.js'
import type { KernelDevice } from './kernel-device.js'
import type { KernelProcess } from './kernel-process.js'
import { setPowerState } from './power-transition.js'
import { type Errno, kernelResetMethods, resetBus } from './reset-methods.js'
import { restoreState, type SavedState, saveState } from './saved-state.js'

const messages: Readonly<Record<string, string>> = {
  EAGAIN: 'another reset holds the lock',
  EINVAL: 'the device has no reset, or not every function of the bus is owned',
  ENODEV: 'the device is on a root bus, which has no reset',
  ENOTTY: 'every method declined or timed out',
}

export function outcomeOf(errno: Errno): KernelOutcome {
  return errno === undefined ? { ok: true } : { ok: false, errno, message: messages[errno] ?? 'the reset failed' }
}

function saveAndDisable(device: KernelDevice): SavedState {
  const { hardware } = device
  const pm = hardware.config.capabilities.get(capabilityId.pm)
  if (pm !== undefined) setPowerState(device, pm + pmOffset.controlStatus, 0)
  const saved = saveState(hardware)
  hardware.writeConfig(headerOffset.command, 2, Command.mask('intxDisable'), 'kernel')
  return saved
}

function restore(device: KernelDevice, saved: SavedState): void {
  restoreState(device.hardware, saved)
  device.powerState = 0
}

/** pci_try_reset_function: the ladder for one function. */
export function* tryResetFunction(device: KernelDevice): KernelProcess<KernelOutcome> {
  const { faults } = device.hardware
  if (device.methods.length === 0) return outcomeOf('ENOTTY')
  const contended = faults.get('reset-lock-contention')
  if (contended > 0) {
    faults.set('reset-lock-contention', contended - 1)
    return outcomeOf('EAGAIN')
  }
  const saved = saveAndDisable(device)
  while (faults.get('reset-never-returns')) yield { hangsWhile: 'reset-never-returns' }
  const errno = yield* climb(device)
  restore(device, saved)
  return outcomeOf(errno)
}

function* climb(device: KernelDevice): KernelProcess<Errno> {
  const { faults } = device.hardware
  if (faults.get('reset-unsupported')) return 'ENOTTY'
  for (const method of kernelResetMethods) {
    if (!device.methods.includes(method.name)) continue
    const fails = faults.get('reset-fails')
    const errno = fails === false ? yield* method.run(device.hardware) : fails
    if (errno !== 'ENOTTY') return errno
  }
  return 'ENOTTY'
}

/** pci_reset_bus for every function that is open on the bus. The caller has made sure that these are all. */
export function* hotResetBus(device: KernelDevice, all: readonly KernelDevice[]): KernelProcess<KernelOutcome> {
  const { faults } = device.hardware
  const contended = faults.get('reset-lock-contention')
  if (contended > 0) {
    faults.set('reset-lock-contention', contended - 1)
    return outcomeOf('EAGAIN')
  }
  const saved = all.map((each) => ({ each, state: saveAndDisable(each) }))
  while (faults.get('hot-reset-never-returns')) yield { hangsWhile: 'hot-reset-never-returns' }
  const fails = faults.get('hot-reset-fails')
  const errno = fails === false ? yield* resetBus(all.map((each) => each.hardware)) : fails
  for (const { each, state } of saved) restore(each, state)
  return outcomeOf(errno)
}
