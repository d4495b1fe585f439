// The report of a device that a hot reset of another took along, without a reset of its own.
import type { PhysicalFunction } from '../function/physical-function.js'
import { attemptBy, leaveAlone } from './left-alone.js'
import { isVerified } from './look-again.js'
import { defaultPolicy, type ResetPolicy } from './policy.js'
import type { ResetReport } from './report.js'
import { resetFunction } from './reset-function.js'

/**
 * Looks at a device after a hot reset that took it along, and contains it if it cannot be shown to be quiet. It is clean
 * if that hot reset worked, as the report `by` says, and everything verifies here too.
 */
export async function takenAlong(
  fn: PhysicalFunction,
  by: ResetReport,
  overrides: Partial<ResetPolicy>,
): Promise<ResetReport> {
  const attempt = attemptBy(by)
  if (attempt.result === 'stuck') return leaveAlone(fn, { ...defaultPolicy, ...overrides }, attempt)
  const seen = await resetFunction(fn, { policy: { ...overrides, methods: [], park: false } })
  const policy = { ...seen.policy, methods: overrides.methods ?? defaultPolicy.methods }
  const verdict = attempt.result === 'ok' && isVerified(seen) ? 'clean' : seen.verdict
  const reusable = verdict === 'clean' || (verdict === 'quiesced' && !policy.requireReset)
  return { ...seen, verdict, reusable, policy, attempts: [attempt] }
}
