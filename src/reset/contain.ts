import type { PhysicalFunction } from '../function/physical-function.js'
import type { Evidence } from './evidence.js'

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
    const failure = error instanceof Error ? error.message : String(error)
    evidence.record({ step: 'contain', what, ok: false, reason: failure })
    return false
  }
}
