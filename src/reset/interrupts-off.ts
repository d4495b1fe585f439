import type { PhysicalFunction } from '../function/physical-function.js'
import { MsiControl, msiOffset } from '../pci/capabilities/msi.js'
import { MsixControl, msixOffset } from '../pci/capabilities/msix.js'
import { capabilityId } from '../pci/capability-ids.js'
import type { Evidence } from './evidence.js'
import { locate } from './locate.js'
import { messageOf, readLive } from './reach.js'

/** The kinds that a guest uses. ERR and REQ speak to the owner and stay. */
const guestKinds = [
  { kind: 'msix', name: 'MSI-X' },
  { kind: 'msi', name: 'MSI' },
  { kind: 'intx', name: 'INTx' },
] as const

/** Disables MSI-X, MSI and INTx, whichever is on. */
export function interruptsOff(fn: PhysicalFunction, evidence: Evidence): void {
  for (const { kind, name } of guestKinds) {
    const base = { step: 'interrupts-off', what: `disable ${name}` } as const
    try {
      if (fn.interrupts.info(kind).count === 0) continue
      fn.interrupts.disable(kind)
      evidence.record({ ...base, ok: true })
    } catch (error) {
      evidence.record({ ...base, ok: false, reason: messageOf(error) })
    }
  }
}

const enableBits = [
  { id: capabilityId.msi, offset: msiOffset.control, mask: MsiControl.mask('enable') },
  { id: capabilityId.msix, offset: msixOffset.control, mask: MsixControl.mask('enable') },
]

/** Whether MSI and MSI-X read back as disabled. False also where it cannot be read. */
export function areInterruptsOff(fn: PhysicalFunction): boolean {
  return enableBits.every(({ id, offset, mask }) => {
    const location = locate(fn.config, id)
    if (location.kind !== 'at') return location.kind === 'absent'
    const control = readLive(fn.config, location.offset + offset)
    return control.ok && (control.value & mask) === 0
  })
}
