import type { PhysicalFunction } from '../function/physical-function.js'
import type { Evidence } from './evidence.js'
import { readPower, setPowerState } from './power.js'

/**
 * Brings a device that its last user left in D1-D3hot back to D0, since no reset method starts elsewhere.
 * @returns whether a transition was made: where NoSoftRst = 0 the kernel then restores Command as it was saved at
 * D3hot entry, Bus Master included, so the caller must quiesce again
 */
export async function wake(fn: PhysicalFunction, evidence: Evidence): Promise<boolean> {
  const reading = readPower(fn)
  if (reading.kind !== 'present' || reading.power.state === 'D0') return false
  const moved = await setPowerState(fn, reading.power, 'D0')
  evidence.record({ step: 'wake', what: `wake from ${reading.power.state} to D0`, register: 'PCI_PM_CTRL', ...moved })
  return true
}
