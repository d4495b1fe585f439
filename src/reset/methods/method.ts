import type { KernelOutcome } from '../../function/kernel-outcome.js'
import type { PhysicalFunction } from '../../function/physical-function.js'
import type { Evidence } from '../evidence.js'
import type { ResetMethod, ResetPolicy } from '../policy.js'

export interface MethodContext {
  readonly fn: PhysicalFunction
  readonly policy: ResetPolicy
  readonly evidence: Evidence
  /** Open functions of the same owner, quiesced before a reset that takes them along. */
  readonly companions: readonly PhysicalFunction[]
}

export type MethodOutcome =
  | { readonly result: 'ok' }
  | { readonly result: 'skipped' | 'unsupported' | 'failed'; readonly reason: string }

/** One way to reset a device. */
export interface Method {
  readonly name: ResetMethod
  /** Why its conditions do not hold, if they do not; read when its turn comes, since earlier methods change them. */
  whyNot(context: MethodContext): string | undefined
  /** Carries it out. Whether the device is then reset is for the verification to say. */
  run(context: MethodContext): Promise<MethodOutcome>
}

/** The kernel has no way to reset this device (EINVAL), or each of its ways declined (ENOTTY). */
const unsupportedErrnos = new Set(['EINVAL', 'ENOTTY', 'ENODEV'])
/** Lock contention with another reset on the same bus: worth another try. */
const firstRetryMs = 5
const longestRetryMs = 200

/** Calls a kernel reset, again with backoff while it answers EAGAIN, until the method's deadline. */
export async function retryWhileContended(
  context: MethodContext,
  call: () => Promise<KernelOutcome>,
): Promise<MethodOutcome> {
  const { clock } = context.fn
  const deadline = clock.now() + context.policy.methodTimeoutMs * 1000
  for (let retryMs = firstRetryMs; ; retryMs = Math.min(retryMs * 2, longestRetryMs)) {
    const outcome = await call()
    if (outcome.ok) return { result: 'ok' }
    const reason = `${outcome.errno}: ${outcome.message}`
    if (unsupportedErrnos.has(outcome.errno)) return { result: 'unsupported', reason }
    if (outcome.errno !== 'EAGAIN' || clock.now() + retryMs * 1000 >= deadline) return { result: 'failed', reason }
    await clock.sleep(retryMs)
  }
}
