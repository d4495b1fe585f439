// Tries the methods in the policy's order until one succeeds and the device verifies after it.
import type { Method, MethodContext } from './methods/method.js'
import { methodTable } from './methods/method-table.js'
import { messageOf } from './reach.js'
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

async function attempt(method: Method, context: MethodContext): Promise<Omit<Attempt, 'ms'>> {
  const name = method.name
  try {
    const reason = context.signal?.aborted ? 'aborted by the caller' : method.whyNot(context)
    if (reason !== undefined) return { method: name, result: 'skipped', reason }
    return { method: name, ...(await method.run(context)) }
  } catch (error) {
    return { method: name, result: 'failed', reason: messageOf(error) }
  }
}

/** Climbs the ladder. Never throws for what hardware does. */
export async function climb(context: MethodContext, options: VerifyOptions): Promise<LadderOutcome> {
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
    const entry = await attempt(methodTable[name], context)
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
