// The resets of one assigned device, one after the other: those that the guest makes, those of its owner, and those that
// take it along because they reset another device of the same bus.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import { lookAgain } from '../reset/look-again.js'
import type { ResetPolicy } from '../reset/policy.js'
import type { ResetReport } from '../reset/report.js'
import { resetFunction } from '../reset/reset-function.js'
import { takenAlong } from '../reset/taken-along.js'
import { type DeviceEvents, type ResetCause, reasonOf } from './device-event.js'
import type { DeviceParts } from './device-parts.js'
import { isUsable, resetState } from './device-state.js'
import type { MemoryKeeper, MemoryMember } from './memory/memory-keeper.js'
import { containIfStillMapped, putInQuarantine, quarantineAfter, readmit } from './quarantine.js'

export interface DeviceResetParts {
  readonly fn: PhysicalFunction
  readonly parts: DeviceParts
  readonly keeper: MemoryKeeper
  readonly member: MemoryMember
  readonly events: DeviceEvents
  readonly policy: Partial<ResetPolicy>
  /** Functions, or what they are assigned as. */
  readonly companions: () => readonly object[]
}

/** Devices that are reset together, and how each that is done has ended. */
export interface ResetBatch {
  readonly members: readonly DeviceResets[]
  readonly reports: Map<DeviceResets, ResetReport>
}

export class DeviceResets {
  static readonly #known = new WeakMap<object, DeviceResets>()
  readonly fn: PhysicalFunction
  readonly #parts: DeviceResetParts
  readonly #closing = new AbortController()
  /** Ends when the last reset that concerns this device has ended. Never rejects. */
  #queue: Promise<unknown> = Promise.resolve()
  /** How many of those have not ended. */
  #underWay = 0
  #isHeld = false

  constructor(parts: DeviceResetParts) {
    this.#parts = parts
    this.fn = parts.fn
  }

  /** Those of the assigned device that this is, or whose function this is. */
  static of(companion: object): DeviceResets | undefined {
    return DeviceResets.#known.get(companion)
  }

  /** Lets it be found. */
  register(device: object): void {
    DeviceResets.#known.set(device, this).set(this.fn, this)
  }

  unregister(device: object): void {
    DeviceResets.#known.delete(device)
    DeviceResets.#known.delete(this.fn)
  }

  /** Resolves once no reset is going on. */
  async settled(): Promise<void> {
    do await this.#queue
    while (this.#underWay > 0)
  }

  /** Keeps its guest away from it, also between resets, until `release`. */
  hold(): void {
    this.#isHeld = true
    this.#answerNobody()
  }

  release(): void {
    this.#isHeld = false
    if (this.#parts.parts.state.phase === 'resetting') this.#comeBack()
  }

  /** Cuts short what is going on, and what is still asked for. */
  abort(): void {
    const { address } = this.fn
    this.#closing.abort(new QuiesceError('CLOSED', `Cannot go on: ${address} is closed`, { device: address }))
  }

  /**
   * Resets it when its turn comes. Whoever a hot reset could take along waits for it, and it for them: each reset waits
   * only for such as were asked for before it.
   */
  enqueue(cause: 'guest' | 'owner', batch?: ResetBatch): Promise<ResetReport> {
    // At once, not when its turn comes: the guest's next access must find nobody.
    this.#parts.parts.state.phase = 'resetting'
    let named: readonly object[] = []
    let failure: { readonly error: unknown } | undefined
    try {
      named = this.#parts.companions()
    } catch (error) {
      failure = { error }
    }
    const companions = new Set<object>([...named, ...(batch?.members.map(({ fn }) => fn) ?? [])])
    const others = new Set([...companions].flatMap((companion) => DeviceResets.of(companion) ?? []))
    others.delete(this)
    const concerned = [this, ...others]
    const begin = (): Promise<ResetReport> =>
      failure === undefined ? this.#reset(cause, companions, batch) : this.#giveUp(cause, failure.error)
    // With nobody to wait for, it begins here: its first steps take the BARs from the guest, before its next access.
    const isFree = concerned.every((each) => each.#underWay === 0)
    if (!isFree) this.#answerNobody()
    for (const each of concerned) each.#underWay += 1
    const work = isFree ? begin() : Promise.all(concerned.map((each) => each.#queue)).then(begin)
    const end = (): void => {
      for (const each of concerned) each.#underWay -= 1
    }
    const ended = work.then(end, end)
    this.#queue = ended
    for (const other of others) other.#queue = Promise.all([other.#queue, ended])
    return work
  }

  async #reset(cause: ResetCause, companions: ReadonlySet<object>, batch?: ResetBatch): Promise<ResetReport> {
    const { parts, policy } = this.#parts
    parts.state.phase = 'resetting'
    const taken = new Set<DeviceResets>()
    const functions = [...companions].flatMap((each) => DeviceResets.of(each)?.fn ?? (isFunction(each) ? each : []))
    let report: ResetReport | undefined
    let failure: unknown
    try {
      report = await resetFunction(this.fn, {
        policy,
        companions: [...new Set(functions)],
        takeAlong: (companion) => {
          const other = DeviceResets.of(companion)
          if (other === undefined) return
          taken.add(other)
          other.#leaveGuest()
        },
        withdrawBars: () => parts.bars.withdraw(),
        signal: this.#closing.signal,
      })
      batch?.reports.set(this, report)
      return report
    } catch (error) {
      failure = error
      throw error
    } finally {
      this.#end(cause, report, failure)
      for (const other of taken) await other.#wasTakenAlong(report, batch)
    }
  }

  /** Without the procedure, where what it needs to know could not be learned. */
  async #giveUp(cause: ResetCause, error: unknown): Promise<never> {
    this.#end(cause, undefined, error)
    throw error
  }

  /** Nobody in the guest reaches it any more. */
  #answerNobody(): void {
    this.#parts.parts.state.phase = 'resetting'
    this.#withdrawBars()
  }

  /** Nobody in the guest reaches it any more, and no signal of it reaches the guest. */
  #leaveGuest(): void {
    this.#answerNobody()
    this.#parts.parts.interrupts.suspend()
  }

  async #wasTakenAlong(by: ResetReport | undefined, batch?: ResetBatch): Promise<void> {
    const { policy } = this.#parts
    const earlier = batch?.reports.get(this)
    let report: ResetReport | undefined
    let failure: unknown = 'the hot reset that took it along failed'
    try {
      // One that was reset just before, and not used since, is as clean as it was, if it still verifies.
      if (by !== undefined && earlier !== undefined) report = await lookAgain(this.fn, earlier, by)
      else if (by !== undefined) report = await takenAlong(this.fn, by, policy)
      if (report !== undefined) batch?.reports.set(this, report)
    } catch (error) {
      failure = error
    }
    this.#end('companion', report, failure)
  }

  /** The guest finds a device as after a reset, or one in quarantine. Without a report, the procedure itself has failed. */
  #end(cause: ResetCause, report: ResetReport | undefined, failure: unknown): void {
    const { parts, events, keeper, member } = this.#parts
    const { state, interrupts, shape } = parts
    this.#withdrawBars()
    if (report === undefined) putInQuarantine(parts, `the reset failed: ${reasonOf(failure)}`)
    else interrupts.forget()
    resetState(state, shape)
    if (report !== undefined) {
      state.lastReset = report
      state.contained ||= report.contained
      const refusal = readmit(this.fn, state, report)
      // Memory comes before the guest can let the device on the bus.
      const problem = keeper.repair(member)
      containIfStillMapped(this.fn, state, problem)
      state.quarantine = quarantineAfter(report, state.contained, refusal, problem?.error)
    }
    this.#comeBack()
    if (report !== undefined) events.report({ kind: 'reset', cause, report })
    if (state.quarantine !== undefined) events.report({ kind: 'quarantined', reason: state.quarantine.reason })
  }

  /** Its guest reaches it again, unless it is kept quiet. */
  #comeBack(): void {
    const { state, interrupts, command, power } = this.#parts.parts
    state.phase = this.#closing.signal.aborted ? 'closed' : this.#isHeld ? 'resetting' : 'live'
    if (state.quarantine?.stuck !== true) power?.readState()
    if (!isUsable(state)) return
    // Memory Space may have to be on in the hardware; and nothing else may.
    command.restore()
    interrupts.sync()
  }

  #withdrawBars(): void {
    try {
      this.#parts.parts.bars.withdraw()
    } catch {
      // The procedure has tried it before, and its report says so.
    }
  }
}

function isFunction(companion: object): companion is PhysicalFunction {
  return 'hotReset' in companion
}
