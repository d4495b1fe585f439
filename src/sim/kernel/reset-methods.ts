// The kernel's reset methods in its order (drivers/pci/pci.c, pci_reset_fn_methods): each is there under a condition,
// and ENOTTY of one goes on to the next.

import { AfControl, AfStatus, afOffset } from '../../pci/capabilities/af.js'
import { DeviceControl, DeviceStatus, pcieOffset } from '../../pci/capabilities/pcie.js'
import { PmControlStatus, pmOffset } from '../../pci/capabilities/pm.js'
import { capabilityId } from '../../pci/capability-ids.js'
import { headerOffset } from '../../pci/header.js'
import type { ResetKind } from '../ledger-entry.js'
import type { SimulatedHardware } from '../simulated-hardware.js'
import type { KernelProcess } from './kernel-process.js'

export type Errno = string | undefined

/** PCIe 5.0 6.6.2 and, for D3hot, PCI PM 1.2 table 5-6. */
const flrMs = 100
const d3Ms = 10
const busResetMs = { assert: 2, settle: 100 }
/** pci_wait_for_pending: looks at 0, 100, 300 and 700 ms, and then goes on anyway. */
const pendingPolls = [100, 200, 400]
/** PCI_RESET_WAIT and PCIE_RESET_READY_POLL_MS. */
const readyTimeoutMs = 60_000

interface KernelResetMethod {
  readonly name: ResetKind
  isThere(hardware: SimulatedHardware): boolean
  run(hardware: SimulatedHardware): KernelProcess<Errno>
}

/** pci_dev_wait: reads Command after 0, 1, 3, 7 ... ms. */
function* waitUntilReady(hardware: SimulatedHardware): KernelProcess<Errno> {
  for (let delay = 1; hardware.readConfig(headerOffset.command, 4) === 0xffff_ffff; delay *= 2) {
    if (delay > readyTimeoutMs) return 'ENOTTY'
    yield delay
  }
  return undefined
}

function* waitForPending(isPending: () => boolean): KernelProcess<void> {
  for (const ms of pendingPolls) {
    if (!isPending()) return
    yield ms
  }
}

function* flr(hardware: SimulatedHardware): KernelProcess<Errno> {
  const at = hardware.config.capabilities.get(capabilityId.pcie)
  if (at === undefined) return 'ENOTTY'
  yield* waitForPending(
    () => DeviceStatus.decode(hardware.readConfig(at + pcieOffset.deviceStatus, 2)).transactionsPending,
  )
  const control = hardware.readConfig(at + pcieOffset.deviceControl, 2)
  hardware.writeConfig(at + pcieOffset.deviceControl, 2, control | DeviceControl.mask('initiateFlr'), 'kernel')
  yield flrMs
  return yield* waitUntilReady(hardware)
}

function* afFlr(hardware: SimulatedHardware): KernelProcess<Errno> {
  const at = hardware.config.capabilities.get(capabilityId.af)
  if (at === undefined) return 'ENOTTY'
  yield* waitForPending(() => AfStatus.decode(hardware.readConfig(at + afOffset.status, 1)).transactionsPending)
  hardware.writeConfig(at + afOffset.control, 1, AfControl.mask('initiateFlr'), 'kernel')
  yield flrMs
  return yield* waitUntilReady(hardware)
}

function* pm(hardware: SimulatedHardware): KernelProcess<Errno> {
  const at = hardware.config.capabilities.get(capabilityId.pm)
  if (at === undefined) return 'ENOTTY'
  const offset = at + pmOffset.controlStatus
  const raw = hardware.readConfig(offset, 2)
  if (PmControlStatus.decode(raw).noSoftReset) return 'ENOTTY'
  for (const powerState of [3, 0]) {
    hardware.writeConfig(offset, 2, PmControlStatus.encode({ powerState, pmeStatus: false }, raw), 'kernel')
    yield d3Ms
  }
  return yield* waitUntilReady(hardware)
}

function* bus(hardware: SimulatedHardware): KernelProcess<Errno> {
  return yield* resetBus([hardware])
}

/** Secondary Bus Reset in the port above, and then the wait for each function behind it. */
export function* resetBus(functions: readonly SimulatedHardware[]): KernelProcess<Errno> {
  yield busResetMs.assert
  functions[0]?.bus.reset()
  yield busResetMs.settle
  for (const hardware of functions) {
    const errno = yield* waitUntilReady(hardware)
    if (errno !== undefined) return errno
  }
  return undefined
}

export const kernelResetMethods: readonly KernelResetMethod[] = [
  { name: 'flr', isThere: (hardware) => hardware.hasFlr, run: flr },
  { name: 'af_flr', isThere: (hardware) => hardware.config.capabilities.has(capabilityId.af), run: afFlr },
  { name: 'pm', isThere: (hardware) => !hardware.noSoftReset, run: pm },
  {
    name: 'bus',
    // pci_parent_bus_reset: only where nothing else would be reset with it.
    isThere: ({ bus: { kind, functions } }) => kind === 'behind-port' && functions.length === 1,
    run: bus,
  },
]
