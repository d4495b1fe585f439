// Tries the methods in the policy's order until one succeeds and the device verifies after it.
import { withDeadline } from './deadline.js'
import type { Method, MethodContext } from './methods/method.js'
import { methodTable } from './methods/method-table.js'
import { waitUntilReady } from './ready.js'
import type { Attempt } from './report.js'
import { type VerifyOptions, type VerifyOutcome, verify } from './verify.js'

export interface LadderOutcome {
  readonly attempts: readonly Attempt[]
  /** Whether a method succeeded and the device verified after it. */
  readonly reset: boolean
  /** A method is still running in the kernel: config space must not be touched, since the access would block. */
  readonly stuck: boolean
  /** The last verification, if one was made. */
  readonly verification: VerifyOutcome | undefined
}

async function attempt(
  method: Method,
  context: MethodContext,
  signal: AbortSignal | undefined,
): Promise<Omit<Attempt, 'ms'>> {
  const name = method.name
  const reason = method.whyNot(context)
  if (reason !== undefined) return { method: name, result: 'skipped', reason }
  const { methodTimeoutMs } = context.policy
  const outcome = await withDeadline(context.fn.clock, methodTimeoutMs, method.run(context), signal)
  switch (outcome.kind) {
    case 'done':
      return { method: name, ...outcome.value }
    case 'failed':
      return {
        method: name,
        result: 'failed',
        reason: outcome.error instanceof Error ? outcome.error.message : String(outcome.error),
      }
    case 'deadline':
      return { method: name, result: 'stuck', reason: `still running after ${methodTimeoutMs} ms` }
    case 'aborted':
      return { method: name, result: 'stuck', reason: 'aborted by the caller while it was running' }
  }
}

/** Climbs the ladder. Never throws for what hardware does. */
export async function climb(
  context: MethodContext,
  options: VerifyOptions,
  signal?: AbortSignal,
): Promise<LadderOutcome> {
  const { fn, policy, evidence } = context
  const attempts: Attempt[] = []
  let verification: VerifyOutcome | undefined
  for (const name of policy.methods) {
    const start = fn.clock.now()
    const done = (entry: Omit<Attempt, 'ms'>): void => {
      attempts.push({ ...entry, ms: Math.round((fn.clock.now() - start) / 1000) })
      const { method, result, reason } = entry
      evidence.record({
        step: 'method',
        method,
        what: `${method}: ${result}`,
        ok: result === 'ok' || result === 'skipped',
        ...(reason === undefined ? {} : { reason }),
      })
    }
    if (signal?.aborted) {
      done({ method: name, result: 'skipped', reason: 'aborted by the caller' })
      continue
    }
    const entry = await attempt(methodTable[name], context, signal)
    if (entry.result === 'stuck') {
      done(entry)
      return { attempts, reset: false, stuck: true, verification: undefined }
    }
    if (entry.result !== 'ok') {
      done(entry)
      continue
    }
    await waitUntilReady(fn, evidence, policy.readyTimeoutMs)
    verification = verify(fn, evidence, options)
    if (verification.failings.length === 0) {
      done(entry)
      return { attempts, reset: true, stuck: false, verification }
    }
    done({ method: name, result: 'unverified', reason: verification.failings.join('; ') })
  }
  return { attempts, reset: false, stuck: false, verification }
}
