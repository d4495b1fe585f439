// The reset procedure: probe, quiesce, drain, interrupts off, ladder, verify, contain, report. It works on any
// PhysicalFunction, is used by everything that takes a device back, and never throws for what hardware does.
import { hex } from '../bits/hex.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import { contain } from './contain.js'
import { drain } from './drain.js'
import { Evidence } from './evidence.js'
import { interruptsOff } from './interrupts-off.js'
import { findKnownDevice, type KnownDevice } from './known-devices.js'
import { climb, type LadderOutcome } from './ladder.js'
import { park } from './park.js'
import { defaultPolicy, type ResetPolicy } from './policy.js'
import { type QuiesceOutcome, quiesce, type WithdrawBars } from './quiesce.js'
import { probe } from './reach.js'
import type { PendingState, ResetReport, Step, Verdict } from './report.js'
import { type VerifyOutcome, verify } from './verify.js'
import { wake } from './wake.js'

export interface ResetOptions {
  /** Overrides of the default policy and of what the table of known devices says. */
  readonly policy?: Partial<ResetPolicy>
  /** Open functions of the same owner; those that a hot reset takes along are quiesced before it. */
  readonly companions?: readonly PhysicalFunction[]
  /** Takes the BARs away from the guest, between Bus Master and Memory Space being cleared. */
  readonly withdrawBars?: WithdrawBars
  /** Called with every step as it is recorded. */
  readonly onStep?: (step: Step) => void
  /** Ends the ladder early; what remains to be done to leave the device quiet is still done. */
  readonly signal?: AbortSignal
  /**
   * Leaves out the quiesce and the containment, as other implementations do. It exists so that a test can show what
   * happens then; the report of such a reset is honest and says `lost` where Bus Master is on.
   */
  readonly unsafeWithoutQuiesce?: boolean
}

interface Outcome {
  readonly first: QuiesceOutcome | undefined
  readonly pending: PendingState
  readonly ladder: LadderOutcome
  readonly final: VerifyOutcome | undefined
  readonly timeToQuietUs: number | null
}

const unverified = { reachable: false, quiet: false, powerState: 'unknown', interruptsOff: false } as const

/** Resets a function as well as it can be reset and says, with evidence, what state it is in. */
export async function resetFunction(fn: PhysicalFunction, options: ResetOptions = {}): Promise<ResetReport> {
  const evidence = new Evidence(fn.clock, options.onStep)
  const known = findKnownDevice(fn.config)
  const policy: ResetPolicy = { ...defaultPolicy, ...known?.policy, ...options.policy }
  const outcome = await procedure(fn, evidence, policy, options)

  const isQuiet = outcome.final?.quiet === true
  const mayContain = options.unsafeWithoutQuiesce !== true
  const contained = !isQuiet && mayContain && contain(fn, evidence, whyNotQuiet(outcome))
  const verdict = judge(outcome, contained)
  const parked = policy.park && verdict === 'quiesced' ? await park(fn, evidence) : undefined
  return {
    device: fn.address,
    verdict,
    reusable: verdict === 'clean' || (verdict === 'quiesced' && !policy.requireReset),
    policy,
    ...(known === undefined ? {} : { knownDevice: describe(known) }),
    command: {
      before: outcome.first?.before === undefined ? null : hex(outcome.first.before),
      after: outcome.final?.command === undefined ? null : hex(outcome.final.command),
      verified: isQuiet,
    },
    pending: outcome.pending,
    attempts: outcome.ladder.attempts,
    verified: {
      reachable: outcome.final?.reachable ?? unverified.reachable,
      quiet: isQuiet,
      powerState: parked ?? outcome.final?.powerState ?? unverified.powerState,
      interruptsOff: outcome.final?.interruptsOff ?? unverified.interruptsOff,
    },
    contained,
    timeToQuietUs: outcome.timeToQuietUs,
    totalMs: Math.round(evidence.elapsedUs() / 1000),
    steps: evidence.steps,
  }
}

async function procedure(
  fn: PhysicalFunction,
  evidence: Evidence,
  policy: ResetPolicy,
  options: ResetOptions,
): Promise<Outcome> {
  const identity = probe(fn.config)
  evidence.record({
    step: 'probe',
    what: 'read class and revision',
    register: 'PCI_CLASS_REVISION',
    ok: identity.ok,
    ...(identity.ok ? { after: hex(identity.value, 8) } : { reason: identity.reason }),
  })
  const clearAgain = options.unsafeWithoutQuiesce !== true
  const check = { identity: identity.ok ? identity.value : undefined, clearAgain }
  const context = { fn, policy, evidence, companions: options.companions ?? [] }

  let first: QuiesceOutcome | undefined
  let pending: PendingState = 'not-observable'
  let timeToQuietUs: number | null = null
  const goQuiet = async (): Promise<void> => {
    const outcome = quiesce(fn, evidence, options.withdrawBars)
    first ??= outcome
    const readBackUs = evidence.elapsedUs()
    pending = await drain(fn, evidence, policy.drainTimeoutMs)
    if (outcome.verified && pending !== 'timeout') {
      timeToQuietUs = pending === 'drained' ? evidence.elapsedUs() : readBackUs
    }
  }

  if (clearAgain && policy.order === 'quiesce-first') await goQuiet()
  // The kernel restores Command when the device leaves D3hot: what was cleared before may be on again.
  if ((await wake(fn, evidence)) && clearAgain && policy.order === 'quiesce-first') quiesce(fn, evidence)
  interruptsOff(fn, evidence)
  const ladder = await climb(context, check, options.signal)
  if (ladder.stuck) return { first, pending, ladder, final: undefined, timeToQuietUs: null }
  if (clearAgain && policy.order === 'reset-first') await goQuiet()
  const final = verify(fn, evidence, check)
  return { first, pending, ladder, final, timeToQuietUs: final.quiet ? timeToQuietUs : null }
}

/** The verdict never claims more than what was read back last. */
function judge(outcome: Outcome, contained: boolean): Verdict {
  const { final, ladder } = outcome
  if (final?.quiet !== true) return contained ? 'contained' : 'lost'
  return ladder.reset && final.failings.length === 0 ? 'clean' : 'quiesced'
}

function whyNotQuiet({ ladder, final }: Outcome): string {
  if (ladder.stuck) return 'a reset is still running in the kernel'
  return final === undefined || final.failings.length === 0 ? 'it was not verified' : final.failings.join('; ')
}

function describe(known: KnownDevice): NonNullable<ResetReport['knownDevice']> {
  return { name: known.name, reason: known.reason, source: known.source }
}
