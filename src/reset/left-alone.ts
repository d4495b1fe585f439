import type { PhysicalFunction } from '../function/physical-function.js'
import { contain } from './contain.js'
import { Evidence } from './evidence.js'
import type { ResetPolicy } from './policy.js'
import type { Attempt, ResetReport } from './report.js'

/** What became of a device because of another's hot reset, as an attempt of its own. */
export function attemptBy(by: ResetReport): Attempt {
  const hot = by.attempts.findLast(({ method }) => method === 'hot')
  return {
    method: 'hot',
    result: hot?.result ?? 'failed',
    reason: `made by ${by.device}${hot?.reason === undefined ? '' : `: ${hot.reason}`}`,
    ms: hot?.ms ?? 0,
  }
}

/**
 * Contains a device while a hot reset that takes it along is still in the kernel. Nothing of it is looked at: an access
 * would wait for that reset, and whoever made it with it.
 */
export function leaveAlone(fn: PhysicalFunction, policy: ResetPolicy, stuck: Attempt): ResetReport {
  const evidence = new Evidence(fn.clock)
  const contained = contain(fn, evidence, 'a hot reset that takes it along is still running in the kernel')
  return {
    device: fn.address,
    verdict: contained ? 'contained' : 'lost',
    reusable: false,
    policy,
    command: { before: null, after: null, verified: false },
    pending: 'not-observable',
    attempts: [stuck],
    verified: { reachable: false, quiet: false, powerState: 'unknown', interruptsOff: false },
    contained,
    timeToQuietUs: null,
    totalMs: Math.round(evidence.elapsedUs() / 1000),
    steps: evidence.steps,
  }
}
