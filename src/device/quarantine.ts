import type { ResetReport } from '../reset/report.js'
import type { Quarantine } from './device-state.js'

/** Whether a device has to be kept quiet after a reset, and why. */
export function quarantineAfter(report: ResetReport, contained: boolean): Quarantine | undefined {
  const stuck = report.attempts.some(({ result }) => result === 'stuck')
  if (!report.reusable) {
    return { reason: `the reset ended ${report.verdict}, which its policy does not let be used again`, stuck }
  }
  if (contained) return { reason: 'the IOMMU lets none of its DMA through since it was contained', stuck }
  return stuck ? { reason: 'a reset is still running in the kernel', stuck } : undefined
}
