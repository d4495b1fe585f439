// A controller from CC.EN = 1 until it is 0 again: its queues and the commands in them. Whatever ends it takes the whole
// object away, so what is still under way then answers to nobody.
import type { DeviceSession } from '../../src/kit/device-session.js'
import { adminCommands } from './admin-commands.js'
import type { BlockStore } from './block-store.js'
import { type Command, done, type Outcome, type Status, status } from './entries.js'
import { Features } from './features.js'
import { ioCommands } from './io-commands.js'
import { limits } from './limits.js'
import { CompletionQueue, type QueuePlace, SubmissionQueue } from './queues.js'

/** What a command may answer: later, where it is kept until something happens. */
export type CommandHandler = (controller: EnabledController, command: Command) => Promise<Outcome | 'kept'> | Outcome

export interface ControllerParts {
  readonly session: DeviceSession
  readonly store: BlockStore
  readonly serial: string
  readonly adminSubmission: QueuePlace
  readonly adminCompletion: QueuePlace
  /** A queue is out of reach: CSTS.CFS. */
  readonly fatal: () => void
}

/** Why a doorbell was wrong (5.2.1): what is told by an asynchronous event. */
const doorbellError = { invalidRegister: 0, invalidValue: 1 } as const
const errorLog = 0x01

export class EnabledController {
  readonly session: DeviceSession
  readonly store: BlockStore
  readonly serial: string
  readonly features = new Features()
  readonly submissions = new Map<number, SubmissionQueue>()
  readonly completions = new Map<number, CompletionQueue>()
  readonly #fatal: () => void
  /** Asynchronous Event Requests that wait for something to tell. */
  readonly #eventRequests: Command[] = []
  readonly #events: number[] = []
  /** Bit n: vector n is masked, where interrupts are not MSI-X (3.1.3). */
  #masked = 0
  #inFlight = 0
  /** Whoever waits for the next command to be answered. */
  readonly #answered: (() => void)[] = []

  constructor(parts: ControllerParts) {
    this.session = parts.session
    this.store = parts.store
    this.serial = parts.serial
    this.#fatal = parts.fatal
    const completion = new CompletionQueue(parts.adminCompletion, 0)
    this.completions.set(0, completion)
    this.submissions.set(0, new SubmissionQueue(parts.adminSubmission, completion))
  }

  get interruptMask(): number {
    return this.#masked >>> 0
  }

  ringSubmission(id: number, tail: number): void {
    const queue = this.submissions.get(id)
    if (queue === undefined) this.#tell(doorbellError.invalidRegister)
    else if (!queue.ring(tail)) this.#tell(doorbellError.invalidValue)
    else void this.#fetch(queue)
  }

  ringCompletion(id: number, head: number): void {
    const queue = this.completions.get(id)
    if (queue === undefined) this.#tell(doorbellError.invalidRegister)
    else if (!queue.ring(head)) this.#tell(doorbellError.invalidValue)
    else {
      if (![...this.completions.values()].some((each) => each.hasNews)) this.session.lowerIntx()
      void this.#flush(queue).then(() => this.#fetchEverywhere())
    }
  }

  mask(bits: number): void {
    this.#masked |= bits
  }

  unmask(bits: number): void {
    this.#masked &= ~bits
    for (const queue of this.completions.values()) if (queue.hasNews) this.#interrupt(queue)
  }

  /** Keeps an Asynchronous Event Request (5.2); false where there are too many. */
  keepEventRequest(command: Command): boolean {
    if (this.#eventRequests.length >= limits.asyncEvents) return false
    this.#eventRequests.push(command)
    this.#tellEvents()
    return true
  }

  /** Takes a submission queue away once its commands have been answered (5.6). */
  async deleteSubmission(queue: SubmissionQueue): Promise<void> {
    queue.isDeleted = true
    while (queue.underWay > 0 && !this.session.isOver)
      await new Promise<void>((resolve) => this.#answered.push(resolve))
    this.submissions.delete(queue.id)
  }

  async #fetch(queue: SubmissionQueue): Promise<void> {
    if (queue.isFetching) return
    queue.isFetching = true
    while (!queue.isEmpty && !queue.isDeleted && !this.session.isOver && this.#inFlight < limits.commandsInFlight) {
      // A host that takes no answers gets no more of them: they would pile up here.
      if (queue.completions.backlog >= limits.commandsInFlight) break
      const room = limits.commandsInFlight - this.#inFlight
      this.#inFlight += room
      const commands = await queue.fetch(this.session, room)
      this.#inFlight -= room - (commands?.length ?? 0)
      if (commands === undefined) {
        this.#fail()
        break
      }
      queue.underWay += commands.length
      for (const command of commands) void this.#execute(queue, command)
    }
    queue.isFetching = false
  }

  async #execute(queue: SubmissionQueue, command: Command): Promise<void> {
    const outcome = await this.#outcomeOf(queue, command)
    this.#inFlight--
    queue.underWay--
    if (outcome !== 'kept') await this.#answer(queue, command, outcome)
    for (const resolve of this.#answered.splice(0)) resolve()
    this.#fetchEverywhere()
  }

  #fetchEverywhere(): void {
    for (const each of this.submissions.values()) if (!each.isEmpty) void this.#fetch(each)
  }

  async #outcomeOf(queue: SubmissionQueue, command: Command): Promise<Outcome | 'kept'> {
    // Fused commands and scatter-gather lists were not offered (4.2).
    if (command.flags !== 0) return { status: status.invalidField }
    const handler = (queue.id === 0 ? adminCommands : ioCommands).get(command.opcode)
    if (handler === undefined) return { status: status.invalidOpcode }
    try {
      return await handler(this, command)
    } catch {
      return { status: status.internalError }
    }
  }

  async #answer(queue: SubmissionQueue, command: Command, outcome: { status: Status; result?: number }): Promise<void> {
    if (this.session.isOver) return
    const { completions } = queue
    completions.add({
      result: outcome.result ?? 0,
      submissionHead: queue.head,
      submissionQueue: queue.id,
      commandId: command.commandId,
      status: outcome.status,
    })
    await this.#flush(completions)
  }

  async #flush(queue: CompletionQueue): Promise<void> {
    const written = await queue.flush(this.session)
    if (written === undefined) this.#fail()
    else if (written > 0) this.#interrupt(queue)
  }

  #interrupt(queue: CompletionQueue): void {
    const { vector } = queue
    if (vector === undefined) return
    if (this.session.interruptKind === 'msix') this.session.raise(vector)
    else if (((this.#masked >>> vector) & 1) === 0) this.session.raise(0)
  }

  #tell(info: number): void {
    // One of a kind until the host has read the log (5.2).
    const event = (info << 8) | (errorLog << 16)
    if (!this.#events.includes(event) && this.#events.length < limits.asyncEvents) this.#events.push(event)
    this.#tellEvents()
  }

  #tellEvents(): void {
    const admin = this.submissions.get(0)
    while (admin !== undefined && this.#events.length > 0 && this.#eventRequests.length > 0) {
      const request = this.#eventRequests.shift()
      if (request !== undefined) void this.#answer(admin, request, { ...done, result: this.#events.shift() ?? 0 })
    }
  }

  /** A queue that cannot be reached ends it, unless it is over anyway. */
  #fail(): void {
    if (!this.session.isOver) this.#fatal()
  }
}
