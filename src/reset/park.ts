import type { PhysicalFunction } from '../function/physical-function.js'
import type { Evidence } from './evidence.js'
import { readPower, setPowerState } from './power.js'
import type { PowerStateName } from './report.js'

/** Leaves the device in D3hot, where it may not master the bus; the power state it is in afterwards. */
export async function park(fn: PhysicalFunction, evidence: Evidence): Promise<PowerStateName> {
  const what = 'park in D3hot'
  const reading = readPower(fn)
  if (reading.kind !== 'present') {
    evidence.record({ step: 'park', what, ok: false, reason: 'the device has no power management that answers' })
    return reading.kind === 'absent' ? 'D0' : 'unknown'
  }
  const moved = await setPowerState(fn, reading.power, 'D3hot')
  evidence.record({ step: 'park', what, register: 'PCI_PM_CTRL', ...moved })
  if (moved.ok) return 'D3hot'
  const now = readPower(fn)
  return now.kind === 'present' ? now.power.state : 'unknown'
}
