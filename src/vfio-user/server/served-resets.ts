// The resets of a served physical function, and what its client reaches of it before, during and after them.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { KernelOutcome } from '../../function/kernel-outcome.js'
import type { PhysicalFunction } from '../../function/physical-function.js'
import { Command } from '../../pci/command.js'
import { attemptBy } from '../../reset/left-alone.js'
import { lookAgain } from '../../reset/look-again.js'
import type { ResetPolicy } from '../../reset/policy.js'
import type { ResetReport } from '../../reset/report.js'
import { resetFunction } from '../../reset/reset-function.js'
import { takenAlong } from '../../reset/taken-along.js'
import type { DeviceGroup, GroupMember } from './device-group.js'
import type { HardwareAccess } from './hardware-access.js'
import type { ResetReportCause, ServerEventListener } from './server-event.js'

export interface ServedResetsParts {
  readonly fn: PhysicalFunction
  readonly access: Pick<HardwareAccess, 'close' | 'open'>
  readonly group: DeviceGroup
  readonly policy: Partial<ResetPolicy>
  /** Open functions of the same owner that are not served, and that a hot reset may take along. */
  readonly companions: readonly PhysicalFunction[]
  readonly onEvent: ServerEventListener
  /** The procedure turns off what a guest uses; to VFIO's clients a reset leaves interrupts set up. */
  readonly restoreInterrupts: () => void
}

export class ServedResets implements GroupMember {
  readonly fn: PhysicalFunction
  readonly #parts: ServedResetsParts
  #running: Promise<KernelOutcome> | undefined
  /** How many resets of its own wait for their turn or are under way. */
  #asked = 0
  #hasClient = false
  /** As after a reset, or out of reach: no client has let it on the bus since. */
  #isFresh = true
  /** It or another device of its address space, which then has no memory. */
  #isCutOff = false
  /** Why it is not as the policy wants it, by its last reset, whoever that was of. */
  #unfit: string | undefined
  #last: ResetReport | undefined

  constructor(parts: ServedResetsParts) {
    this.#parts = parts
    this.fn = parts.fn
    parts.group.join(this)
  }

  get isIdle(): boolean {
    return !this.#hasClient || this.#isFresh || this.#asked > 0
  }

  get isLost(): boolean {
    return this.#last?.verdict === 'lost'
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** @throws QuiesceError `BUSY` where no client should have it: its end, with a reset, is the next try */
  connect(): void {
    const detail = this.#whyNot()
    if (detail !== undefined) {
      const { address } = this.fn
      throw new QuiesceError('BUSY', `Cannot use ${address}: ${detail}`, { device: address })
    }
    this.#hasClient = true
  }

  #whyNot(): string | undefined {
    if (this.#isCutOff) return 'it, or a device of its IOMMU group, was contained, and is not clean yet'
    if (this.#unfit !== undefined) return this.#unfit
    const lost = this.#parts.group.others(this).find(({ isLost }) => isLost)
    return lost && `${lost.fn.address} of its IOMMU group is not quiet, and could not be cut off from memory`
  }

  /** A byte of the Command register has reached the hardware. */
  commandWritten(value: number): void {
    const { busMaster, memorySpace, ioSpace } = Command.decode(value)
    if (busMaster || memorySpace || ioSpace) this.#isFresh = false
  }

  /** The one that is under way, where there is one. */
  async reset(cause: 'client' | 'guest'): Promise<KernelOutcome> {
    const running = this.#running ?? this.#run(cause)
    this.#running = running
    try {
      return await running
    } finally {
      // By now there may be another.
      if (this.#running === running) this.#running = undefined
    }
  }

  /** @throws QuiesceError if it is not as the policy wants it: no other client may have it */
  async quiesce(): Promise<void> {
    // What the guest began is brought to its end first.
    await this.#running
    const outcome = await this.#run(this.#hasClient ? 'disconnect' : 'handover')
    this.#hasClient = false
    if (!outcome.ok)
      throw new QuiesceError('SYSTEM', `Cannot leave ${this.fn.address} to another client: ${outcome.message}`)
  }

  takeAlong(): void {
    this.#parts.access.close('a reset of its bus takes it along')
  }

  async wasTakenAlong(by: ResetReport): Promise<void> {
    const { policy, access } = this.#parts
    try {
      const earlier = this.#last
      // Where the bus was not reset after all, it is as clean as it was before, if it still verifies.
      const report =
        earlier === undefined || attemptBy(by).result === 'ok'
          ? await takenAlong(this.fn, by, policy)
          : await lookAgain(this.fn, earlier, by)
      this.#end('companion', report)
    } catch (error) {
      this.#unfit = messageOf(error)
      access.close(this.#unfit)
    }
  }

  cutOff(by: string): void {
    if (this.#isCutOff) return
    this.#isCutOff = true
    this.#parts.access.close(`${by} was contained, and with it all devices of its IOMMU group`)
    this.#parts.onEvent({ kind: 'cut-off', by })
  }

  /** The procedure. Until it has ended in what the policy asks for, nothing that the client does reaches the hardware. */
  async #run(cause: 'client' | 'guest' | 'disconnect' | 'handover'): Promise<KernelOutcome> {
    const { access, group } = this.#parts
    access.close('the device is being reset')
    this.#asked++
    try {
      return await group.takeTurn(() => this.#carryOut(cause))
    } catch (error) {
      return failed(error)
    } finally {
      this.#asked--
    }
  }

  async #carryOut(cause: 'client' | 'guest' | 'disconnect' | 'handover'): Promise<KernelOutcome> {
    const { group, policy, companions } = this.#parts
    const others = group.others(this)
    const taken = new Set<GroupMember>()
    const report = await resetFunction(group.guarded(this), {
      policy,
      companions: [...companions, ...others.map(({ fn }) => fn)],
      takeAlong: (companion) => {
        const other = others.find(({ fn }) => fn === companion)
        if (other === undefined) return
        taken.add(other)
        other.takeAlong()
      },
    })
    // Before anybody gives memory to a space that takes none, or is let in without.
    if (report.contained) this.#loseMemory()
    // Before the others, who are not let in as long as this one is not.
    if (report.reusable && this.#isCutOff) this.fn.readmit()
    for (const other of taken) await other.wasTakenAlong(report)
    return this.#end(cause, report)
  }

  #end(cause: ResetReportCause, report: ResetReport): KernelOutcome {
    const { access, onEvent, restoreInterrupts } = this.#parts
    this.#last = report
    onEvent({ kind: 'reset-report', cause, report })
    if (report.contained) this.#loseMemory()
    this.#isFresh = true
    const readmitted = report.reusable ? this.#readmit() : refused(`the reset ended as ${report.verdict}`)
    this.#unfit = readmitted.ok ? undefined : readmitted.message
    if (!readmitted.ok) {
      access.close(readmitted.message)
      return readmitted
    }
    // One that waits for a reset of its own stays closed until that has ended.
    if (cause === 'companion' && this.#asked > 0) return { ok: true }
    access.open()
    if (cause !== 'disconnect' && cause !== 'handover' && this.#hasClient) restoreInterrupts()
    return { ok: true }
  }

  /** It was contained, and with it all others of its space. */
  #loseMemory(): void {
    const { group } = this.#parts
    this.#isCutOff = true
    group.memory.cutOff(this.fn.dma)
    for (const other of group.others(this)) other.cutOff(this.fn.address)
  }

  /** A device that was cut off and is clean again gets the client's memory back. */
  #readmit(): KernelOutcome {
    if (!this.#isCutOff) return { ok: true }
    const { group } = this.#parts
    const outcome = this.fn.readmit()
    if (!outcome.ok) return outcome
    try {
      group.memory.readmit(this.fn.dma)
    } catch (error) {
      // Nor do those have all of their memory that are open already: each of their resets is another try.
      for (const other of group.others(this)) other.cutOff(this.fn.address)
      return failed(error)
    }
    this.#isCutOff = false
    return { ok: true }
  }
}

function refused(message: string): Extract<KernelOutcome, { ok: false }> {
  return { ok: false, errno: 'EIO', message }
}

function failed(error: unknown): Extract<KernelOutcome, { ok: false }> {
  return refused(messageOf(error))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
