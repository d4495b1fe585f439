// One device that is offered, as the main thread sees it: its thread, and what became of it.
import type { Verdict } from '../../reset/report.js'
import { DeviceThread, type ThreadCounts } from '../../vfio-user/server/device-thread.js'
import type { ServerEvent } from '../../vfio-user/server/server-event.js'
import { type ExitStatus, exitStatus, statusOfVerdict } from '../exit-status.js'
import { EventLimit } from './event-limit.js'
import type { Place } from './listen.js'
import type { DeviceOrder } from './make-device.js'
import type { ServeEvent } from './serve-event.js'
import type { DeviceStatus } from './status-line.js'

/** What this needs of a `DeviceThread`. */
export type ServingThread = Pick<DeviceThread, 'ended' | 'counts' | 'close'>

export type StartThread = (
  order: DeviceOrder,
  listener: number,
  onEvent: (event: ServerEvent) => void,
) => Promise<ServingThread>

export const startThread: StartThread = (data, listener, onEvent) =>
  DeviceThread.start({
    module: new URL('./make-device.js', import.meta.url),
    maker: 'makeDevice',
    data,
    at: { listener },
    onEvent,
  })

export class OfferedDevice {
  readonly order: DeviceOrder
  readonly place: Place
  readonly #tell: (event: ServeEvent) => void
  readonly #limit = new EventLimit()
  #thread: ServingThread | undefined
  /** Why its thread ended, if nobody asked it to. */
  #death: Promise<string | undefined> = Promise.resolve(undefined)
  #client: number | undefined
  #resets = 0
  #verdict: Verdict | undefined
  /** A client came, and no report says yet in which state it left the device. */
  #isReportDue = false
  #failure: string | undefined
  #hasEnded = false

  constructor(order: DeviceOrder, place: Place, tell: (event: ServeEvent) => void) {
    this.order = order
    this.place = place
    this.#tell = tell
  }

  get status(): DeviceStatus {
    const { name: device } = this.order
    return { device, client: this.#client, resets: this.#resets, verdict: this.#verdict, failure: this.#failure }
  }

  /** By the last verdict; what failed says nothing of the device. */
  get exitStatus(): ExitStatus {
    if (this.#failure !== undefined) return exitStatus.failed
    return this.#verdict === undefined ? exitStatus.done : statusOfVerdict[this.#verdict]
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Opens the device and lets clients in. @throws QuiesceError if it cannot be opened */
  async start(start: StartThread): Promise<void> {
    const thread = await start(this.order, this.place.share(), (event) => this.#hear(event))
    this.#thread = thread
    this.#death = this.#watch(thread)
  }

  /** Settles if the device can be served no longer, without having been asked to end. */
  async failed(): Promise<void> {
    if ((await this.#death) === undefined) await new Promise(() => {})
  }

  /** Undefined where its thread has ended. */
  counts(): Promise<ThreadCounts | undefined> {
    return this.#thread?.counts() ?? Promise.resolve(undefined)
  }

  /** Takes no more clients, ends the time of the one that is there, and leaves the device quiet. */
  async close(): Promise<void> {
    this.place[Symbol.dispose]()
    if (this.#thread === undefined || this.#hasEnded) return
    await this.#thread.close()
    if ((await this.#death) !== undefined) return
    this.tell({ kind: 'ended', verdict: this.#verdict, status: this.exitStatus })
  }

  /** Tells it, unless there was too much of its kind. */
  tell(event: ServeEvent): void {
    for (const each of this.#limit.pass(event)) this.#tell(each)
  }

  async #watch(thread: ServingThread): Promise<string | undefined> {
    const reason = await thread.ended
    this.#hasEnded = true
    if (reason === undefined) return undefined
    this.#failure = reason
    // Nobody would answer there.
    this.place[Symbol.dispose]()
    this.tell({ kind: 'failed', reason })
    return reason
  }

  #hear(event: ServerEvent): void {
    switch (event.kind) {
      case 'connected':
        this.#client = event.peer.pid
        this.#isReportDue = this.order.kind !== 'raw'
        break
      case 'reset':
        if (this.order.kind === 'raw') this.#resets++
        break
      case 'reset-report':
        this.#resets++
        this.#verdict = event.report.verdict
        if (event.cause === 'disconnect') this.#isReportDue = false
        break
      case 'released': {
        this.#client = undefined
        this.#failure = event.failure ?? (this.#isReportDue ? 'its reset came to no end' : undefined)
        this.tell({ ...event, failure: this.#failure })
        return
      }
      default:
    }
    this.tell(event)
  }
}
