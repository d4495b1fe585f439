import type { KernelOutcome } from '../../function/kernel-outcome.js'
import type { PhysicalFunction } from '../../function/physical-function.js'
import { withDeadline } from '../deadline.js'
import type { Evidence } from '../evidence.js'
import type { ResetMethod, ResetPolicy } from '../policy.js'
import { messageOf } from '../reach.js'

export interface MethodContext {
  readonly fn: PhysicalFunction
  readonly policy: ResetPolicy
  readonly evidence: Evidence
  /** Open functions of the same owner, quiesced before a reset that takes them along. */
  readonly companions: readonly PhysicalFunction[]
  /** Called for each of them that a reset is about to take along, once its Bus Master is off. */
  readonly takeAlong?: ((companion: PhysicalFunction) => void) | undefined
  /** The caller's wish to end early: no further attempt is made, and no call in the kernel is waited for. */
  readonly signal?: AbortSignal | undefined
}

/** `stuck`: a call is still in the kernel, and config space must not be touched until it returns. */
export type MethodOutcome =
  | { readonly result: 'ok' }
  | { readonly result: 'unsupported' | 'failed' | 'stuck'; readonly reason: string }

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

/**
 * Calls a kernel reset, again with backoff while it answers EAGAIN, until the method's deadline. Nothing goes on behind
 * the caller's back once this has returned, except a call that the kernel has not given back: that is `stuck`.
 */
export async function callKernel(context: MethodContext, call: () => Promise<KernelOutcome>): Promise<MethodOutcome> {
  const { policy, signal } = context
  const { clock } = context.fn
  const deadline = clock.now() + policy.methodTimeoutMs * 1000
  for (let retryMs = firstRetryMs; ; retryMs = Math.min(retryMs * 2, longestRetryMs)) {
    const ended = await withDeadline(clock, (deadline - clock.now()) / 1000, call(), signal)
    if (ended.kind === 'deadline') {
      return { result: 'stuck', reason: `still running after ${policy.methodTimeoutMs} ms` }
    }
    if (ended.kind === 'aborted') return { result: 'stuck', reason: 'still running when the caller aborted' }
    if (ended.kind === 'failed') return { result: 'failed', reason: messageOf(ended.error) }
    if (ended.value.ok) return { result: 'ok' }
    const reason = `${ended.value.errno}: ${ended.value.message}`
    if (unsupportedErrnos.has(ended.value.errno)) return { result: 'unsupported', reason }
    const isContended = ended.value.errno === 'EAGAIN'
    if (!isContended || clock.now() + retryMs * 1000 >= deadline) return { result: 'failed', reason }
    try {
      await clock.sleep(retryMs, signal)
    } catch {
      return { result: 'failed', reason: `aborted by the caller while it was refused (${reason})` }
    }
  }
}
