import type { PhysicalFunction } from '../function/physical-function.js'
import type { Evidence } from './evidence.js'
import { messageOf } from './reach.js'

/** Lets the owner take the BARs away from the guest between Bus Master and Memory Space being cleared. */
export type WithdrawBars = () => void

/** Takes the BARs away from the guest; needs nothing of the device. */
export function withdraw(fn: PhysicalFunction, evidence: Evidence, withdrawBars: WithdrawBars): void {
  const base = { step: 'withdraw-bars', what: 'take the BARs away from the guest', device: fn.address } as const
  try {
    withdrawBars()
    evidence.record({ ...base, ok: true })
  } catch (error) {
    // The owner's failure must not keep the device on the bus: go on, and say so.
    evidence.record({ ...base, ok: false, reason: messageOf(error) })
  }
}
