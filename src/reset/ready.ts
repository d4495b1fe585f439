import type { PhysicalFunction } from '../function/physical-function.js'
import type { Evidence } from './evidence.js'
import { probe } from './reach.js'

/** As the kernel does (pci_dev_wait): 1 ms, doubled each time, but never longer than this between two looks. */
const longestPollMs = 100

/** Waits until the device answers again after a reset; says whether it did within `timeoutMs`. */
export async function waitUntilReady(fn: PhysicalFunction, evidence: Evidence, timeoutMs: number): Promise<boolean> {
  const start = fn.clock.now()
  for (let pollMs = 1; ; pollMs = Math.min(pollMs * 2, longestPollMs)) {
    const reading = probe(fn.config)
    const waitedMs = (fn.clock.now() - start) / 1000
    if (reading.ok) {
      evidence.record({ step: 'ready', what: 'wait until the device answers', ok: true })
      return true
    }
    if (waitedMs >= timeoutMs) {
      const reason = `it does not answer after ${timeoutMs} ms: ${reading.reason}`
      evidence.record({ step: 'ready', what: 'wait until the device answers', ok: false, reason })
      return false
    }
    await fn.clock.sleep(Math.min(pollMs, timeoutMs - waitedMs))
  }
}
