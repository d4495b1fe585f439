import { QuiesceError } from '../errors/quiesce-error.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import type { Evidence } from './evidence.js'
import { messageOf } from './reach.js'

/** Cuts the device off from all memory by the IOMMU; says whether the kernel confirmed it. */
export function contain(fn: PhysicalFunction, evidence: Evidence, reason: string): boolean {
  const what = 'cut the device off from memory by the IOMMU'
  try {
    const outcome = fn.contain()
    if (!outcome.ok) {
      evidence.record({ step: 'contain', what, ok: false, reason: `${outcome.errno}: ${outcome.message}` })
      return false
    }
    const others = outcome.alsoContained.length === 0 ? '' : `; with it ${outcome.alsoContained.join(', ')}`
    evidence.record({ step: 'contain', what, ok: true, reason: `${reason} (${outcome.method}${others})` })
    return true
  } catch (error) {
    // Misuse, not an outcome: there is no device any more that a verdict could be about.
    if (error instanceof QuiesceError && error.code === 'CLOSED') throw error
    const failure = messageOf(error)
    evidence.record({ step: 'contain', what, ok: false, reason: failure })
    return false
  }
}
