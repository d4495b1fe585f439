// A report that a later hot reset of the same bus may have made untrue, made true again.
import type { PhysicalFunction } from '../function/physical-function.js'
import { attemptBy, leaveAlone } from './left-alone.js'
import { type ResetReport, type Verdict, verdicts } from './report.js'
import { resetFunction } from './reset-function.js'

/**
 * Looks again at a device that was reset before another's hot reset took it along: quiesces and verifies it, resets
 * nothing, and contains it if it can no longer be shown to be quiet. Returns the one report of both.
 */
export async function lookAgain(fn: PhysicalFunction, earlier: ResetReport, by: ResetReport): Promise<ResetReport> {
  // It is cut off from memory, or could not be: another look makes that no better, and cannot make it worse.
  if (earlier.verdict === 'contained' || earlier.verdict === 'lost') return earlier
  const { policy } = earlier
  const attempt = attemptBy(by)
  const isStuck = attempt.result === 'stuck'
  const again = isStuck
    ? leaveAlone(fn, policy, attempt)
    : await resetFunction(fn, {
        policy: { ...policy, methods: [], park: policy.park && earlier.verdict === 'quiesced' },
      })
  const isAsBefore = isVerified(again) && identityOf(again) === identityOf(earlier)
  const verdict = isAsBefore ? earlier.verdict : worse(earlier.verdict, again.verdict)
  const startUs = Math.max(earlier.totalMs * 1000, earlier.steps.at(-1)?.at ?? 0)
  return {
    ...earlier,
    verdict,
    reusable: verdict === 'clean' || (verdict === 'quiesced' && !policy.requireReset),
    command: { ...again.command, before: earlier.command.before },
    pending: again.pending,
    attempts: isStuck ? [...earlier.attempts, attempt] : earlier.attempts,
    verified: again.verified,
    contained: again.contained,
    timeToQuietUs: again.verified.quiet ? earlier.timeToQuietUs : null,
    totalMs: earlier.totalMs + again.totalMs,
    steps: [
      ...earlier.steps,
      {
        at: startUs,
        step: 'verify',
        what: `look again after the hot reset of ${by.device}, which took this device along`,
        ok: verdict === earlier.verdict,
        reason: `that one ended ${attempt.result}`,
      },
      ...again.steps.map((step) => ({ ...step, at: startUs + step.at })),
    ],
  }
}

/** Everything that `clean` asks for, but for the reset itself: with no method tried, no verdict says that. */
export function isVerified({ verdict, verified, pending }: ResetReport): boolean {
  const { reachable, quiet, powerState, interruptsOff } = verified
  return verdict === 'quiesced' && reachable && quiet && powerState === 'D0' && interruptsOff && pending !== 'timeout'
}

/** Class and revision, as the probe read them. */
function identityOf({ steps }: ResetReport): string | undefined {
  return steps.find(({ step }) => step === 'probe')?.after
}

function worse(one: Verdict, other: Verdict): Verdict {
  return verdicts.indexOf(one) > verdicts.indexOf(other) ? one : other
}
