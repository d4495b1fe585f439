// Transactions Pending: requests of the device that have not been completed. PCIe Device Status (PCIe 5.0 7.5.3.5)
// or, on conventional PCI, the Advanced Features capability (PCI AF ECN).
import { hex } from '../bits/hex.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import { AfCapabilities, AfStatus, afOffset } from '../pci/capabilities/af.js'
import { DeviceStatus, pcieOffset } from '../pci/capabilities/pcie.js'
import { capabilityId } from '../pci/capability-ids.js'
import type { Evidence } from './evidence.js'
import { locate } from './locate.js'
import { probe, readConfig, readLive } from './reach.js'
import type { PendingState } from './report.js'

export type PendingReading =
  | { readonly kind: 'seen'; readonly pending: boolean; readonly register: string; readonly raw: number }
  | { readonly kind: 'not-observable'; readonly reason: string }

/** Whether transactions are pending, where the device shows it. */
export function readPending(fn: PhysicalFunction): PendingReading {
  const pcie = locate(fn.config, capabilityId.pcie)
  if (pcie.kind === 'unreadable') return { kind: 'not-observable', reason: pcie.reason }
  if (pcie.kind === 'at') {
    const status = readLive(fn.config, pcie.offset + pcieOffset.deviceStatus)
    if (!status.ok) return { kind: 'not-observable', reason: status.reason }
    const pending = DeviceStatus.decode(status.value).transactionsPending
    return { kind: 'seen', pending, register: DeviceStatus.name, raw: status.value }
  }
  return readAfPending(fn)
}

function readAfPending(fn: PhysicalFunction): PendingReading {
  const af = locate(fn.config, capabilityId.af)
  if (af.kind === 'unreadable') return { kind: 'not-observable', reason: af.reason }
  const none = { kind: 'not-observable', reason: 'the device has no Transactions Pending bit' } as const
  if (af.kind !== 'at') return none
  const capabilities = readConfig(fn.config, af.offset + afOffset.capabilities, 1)
  const status = readConfig(fn.config, af.offset + afOffset.status, 1)
  const alive = probe(fn.config)
  for (const reading of [capabilities, status, alive]) {
    if (!reading.ok) return { kind: 'not-observable', reason: reading.reason }
  }
  if (!capabilities.ok || !status.ok || !AfCapabilities.decode(capabilities.value).transactionsPending) return none
  const pending = AfStatus.decode(status.value).transactionsPending
  return { kind: 'seen', pending, register: AfStatus.name, raw: status.value }
}

/** The kernel polls at 0, 100, 300 and 700 ms before a Function Level Reset; starting at 1 ms costs nothing more. */
const firstPollMs = 1
const longestPollMs = 100

/** Waits until nothing is pending, or until `timeoutMs`. Never says `drained` where it could not look. */
export async function drain(fn: PhysicalFunction, evidence: Evidence, timeoutMs: number): Promise<PendingState> {
  const deadline = fn.clock.now() + timeoutMs * 1000
  let pollMs = firstPollMs
  const what = 'wait for pending transactions'
  for (;;) {
    const reading = readPending(fn)
    if (reading.kind === 'not-observable') {
      evidence.record({ step: 'drain', what, ok: true, reason: `not observable: ${reading.reason}` })
      return 'not-observable'
    }
    const seen = { step: 'drain', what, register: reading.register, after: hex(reading.raw) } as const
    if (!reading.pending) {
      evidence.record({ ...seen, ok: true })
      return 'drained'
    }
    const leftMs = (deadline - fn.clock.now()) / 1000
    if (leftMs <= 0) {
      evidence.record({ ...seen, ok: false, reason: `transactions are still pending after ${timeoutMs} ms` })
      return 'timeout'
    }
    await fn.clock.sleep(Math.min(pollMs, leftMs))
    pollMs = Math.min(pollMs * 2, longestPollMs)
  }
}
