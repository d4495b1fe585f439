// How far a reset has come: filled in step by step, so that whatever breaks it off, what was seen until then is reported.
import { hex } from '../bits/hex.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import { drain } from './drain.js'
import type { Evidence } from './evidence.js'
import { interruptsOff } from './interrupts-off.js'
import { climb } from './ladder.js'
import type { MethodContext } from './methods/method.js'
import { type QuiesceOutcome, quiesce } from './quiesce.js'
import { probe } from './reach.js'
import type { Attempt, PendingState } from './report.js'
import { type VerifyOutcome, verify } from './verify.js'
import { wake } from './wake.js'
import { type WithdrawBars, withdraw } from './withdraw-bars.js'

export interface CourseOptions {
  readonly withdrawBars?: WithdrawBars | undefined
  /** Leave out the quiesce, and do not clear what is found on. */
  readonly withoutQuiesce: boolean
}

export class Course {
  readonly #fn: PhysicalFunction
  readonly #context: MethodContext
  readonly #evidence: Evidence
  readonly #options: CourseOptions
  #hasWithdrawn = false
  /** Command before anything was written. */
  commandBefore: number | undefined
  /** The last time that Command was read back. */
  lastReadBack: QuiesceOutcome | undefined
  pending: PendingState = 'not-observable'
  timeToQuietUs: number | null = null
  attempts: readonly Attempt[] = []
  /** A method succeeded, and the device verified after it. */
  wasReset = false
  /** A call is still in the kernel. */
  isStuck = false
  /** The device as it was looked at last of all; undefined where it could not or must not be looked at. */
  final: VerifyOutcome | undefined

  constructor(context: MethodContext, options: CourseOptions) {
    this.#fn = context.fn
    this.#context = context
    this.#evidence = context.evidence
    this.#options = options
  }

  /** From the probe to the last verification. */
  async run(): Promise<void> {
    const { withoutQuiesce } = this.#options
    const { order } = this.#context.policy
    const check = { identity: this.#probe(), clearAgain: !withoutQuiesce }
    const isFirst = !withoutQuiesce && order === 'quiesce-first'
    if (isFirst) await this.#goQuiet()
    const woke = await wake(this.#fn, this.#evidence)
    // The kernel restores Command when the device leaves D3hot: what was cleared before may be on again.
    if (woke && isFirst) await this.#goQuiet()
    interruptsOff(this.#fn, this.#evidence)
    const ladder = await climb(this.#context, check)
    this.attempts = ladder.attempts
    this.wasReset = ladder.reset
    this.isStuck = ladder.stuck
    if (ladder.stuck) return
    if (!withoutQuiesce && order === 'reset-first') await this.#goQuiet()
    this.final = verify(this.#fn, this.#evidence, check)
    this.lastReadBack = this.final.readBack
  }

  /** The guest must not keep the BARs of a device that could not be looked at any more. */
  withdrawBars(): void {
    const { withdrawBars } = this.#options
    if (this.#hasWithdrawn || withdrawBars === undefined) return
    this.#hasWithdrawn = true
    withdraw(this.#fn, this.#evidence, withdrawBars)
  }

  #probe(): number | undefined {
    const identity = probe(this.#fn.config)
    this.#evidence.record({
      step: 'probe',
      what: 'read class and revision',
      register: 'PCI_CLASS_REVISION',
      ok: identity.ok,
      ...(identity.ok ? { after: hex(identity.value, 8) } : { reason: identity.reason }),
    })
    return identity.ok ? identity.value : undefined
  }

  async #goQuiet(): Promise<void> {
    const outcome = quiesce(this.#fn, this.#evidence, () => this.withdrawBars())
    this.commandBefore ??= outcome.before
    this.lastReadBack = outcome
    this.timeToQuietUs = null
    const readBackUs = this.#evidence.elapsedUs()
    this.pending = await drain(this.#fn, this.#evidence, this.#context.policy.drainTimeoutMs)
    if (!outcome.verified || this.pending === 'timeout') return
    this.timeToQuietUs = this.pending === 'drained' ? this.#evidence.elapsedUs() : readBackUs
  }
}
