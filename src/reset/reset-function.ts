// The reset procedure: probe, quiesce, drain, interrupts off, ladder, verify, contain, report. It works on any
// PhysicalFunction, is used by everything that takes a device back, and never throws for what hardware does.
import { hex } from '../bits/hex.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import { contain } from './contain.js'
import { Course } from './course.js'
import { Evidence } from './evidence.js'
import { findKnownDevice, type KnownDevice } from './known-devices.js'
import { park } from './park.js'
import { defaultPolicy, type ResetPolicy } from './policy.js'
import { messageOf } from './reach.js'
import type { ResetReport, Step, Verdict } from './report.js'
import type { WithdrawBars } from './withdraw-bars.js'

export interface ResetOptions {
  /** Overrides of the default policy and of what the table of known devices says. */
  readonly policy?: Partial<ResetPolicy>
  /** Open functions of the same owner; those that a hot reset takes along are quiesced before it. */
  readonly companions?: readonly PhysicalFunction[]
  /**
   * Called for each companion that a hot reset is about to take along, once its Bus Master is off: its guest must not
   * reach it any more. `takenAlong` says afterwards what became of it. Must not throw.
   */
  readonly takeAlong?: (companion: PhysicalFunction) => void
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

/** Resets a function as well as it can be reset and says, with evidence, what state it is in. */
export async function resetFunction(fn: PhysicalFunction, options: ResetOptions = {}): Promise<ResetReport> {
  const evidence = new Evidence(fn.clock, options.onStep)
  const known = findKnownDevice(fn.config)
  const policy: ResetPolicy = { ...defaultPolicy, ...known?.policy, ...options.policy }
  const withoutQuiesce = options.unsafeWithoutQuiesce === true
  const { companions = [], signal, takeAlong, withdrawBars } = options
  const course = new Course({ fn, policy, evidence, companions, takeAlong, signal }, { withdrawBars, withoutQuiesce })
  try {
    await course.run()
  } catch (error) {
    // Whatever broke it off, the device must not be left on the bus without a word.
    evidence.record({ step: 'verify', what: 'finish the procedure', ok: false, reason: messageOf(error) })
    course.final = undefined
  }
  course.withdrawBars()

  const isQuiet = course.final?.quiet === true
  const contained = !isQuiet && !withoutQuiesce && contain(fn, evidence, whyNotQuiet(course))
  const verdict = judge(course, contained)
  const parked = policy.park && verdict === 'quiesced' ? await park(fn, evidence) : undefined
  const { final, lastReadBack } = course
  return {
    device: fn.address,
    verdict,
    reusable: verdict === 'clean' || (verdict === 'quiesced' && !policy.requireReset),
    policy,
    ...(known === undefined ? {} : { knownDevice: describe(known) }),
    command: {
      before: hexOrNull(course.commandBefore),
      after: hexOrNull(lastReadBack?.after),
      verified: lastReadBack?.verified === true,
    },
    pending: course.pending,
    attempts: course.attempts,
    verified: {
      reachable: final?.reachable ?? false,
      quiet: isQuiet,
      powerState: parked ?? final?.powerState ?? 'unknown',
      interruptsOff: final?.interruptsOff ?? false,
    },
    contained,
    timeToQuietUs: isQuiet ? course.timeToQuietUs : null,
    totalMs: Math.round(evidence.elapsedUs() / 1000),
    steps: evidence.steps,
  }
}

/** The verdict never claims more than what was read back last. */
function judge({ final, wasReset }: Course, contained: boolean): Verdict {
  if (final?.quiet !== true) return contained ? 'contained' : 'lost'
  return wasReset && final.failings.length === 0 ? 'clean' : 'quiesced'
}

function whyNotQuiet({ isStuck, final }: Course): string {
  if (isStuck) return 'a reset is still running in the kernel'
  return final === undefined || final.failings.length === 0 ? 'it was not verified' : final.failings.join('; ')
}

function hexOrNull(value: number | undefined): string | null {
  return value === undefined ? null : hex(value)
}

function describe(known: KnownDevice): NonNullable<ResetReport['knownDevice']> {
  return { name: known.name, reason: known.reason, source: known.source }
}
