// One device that is offered, as the main thread sees it: its thread, and what became of it.
import type { Verdict } from '../../reset/report.js'
import type { DeviceThread, ThreadCounts } from '../../vfio-user/server/device-thread.js'
import type { ServerEvent } from '../../vfio-user/server/server-event.js'
import { type ExitStatus, exitStatus, statusOfVerdict } from '../exit-status.js'
import type { Place } from './listen.js'
import type { DeviceOrder } from './make-device.js'
import type { ServeEvent } from './serve-event.js'
import type { DeviceStatus } from './status-line.js'

/** What this needs of a `DeviceThread`. */
export type ServingThread = Pick<DeviceThread, 'ended' | 'counts' | 'close'>

export class OfferedDevice {
  readonly order: DeviceOrder
  readonly place: Place
  /** What becomes of it is told here. */
  readonly tell: (event: ServeEvent) => void
  #thread: ServingThread | undefined
  /** Its place among the devices of that. */
  #index = 0
  /** Why its thread ended, if nobody asked it to. */
  #death: Promise<string | undefined> = Promise.resolve(undefined)
  #client: number | undefined
  #resets = 0
  #verdict: Verdict | undefined
  /** A client came, and no report says yet in which state it left the device. */
  #isReportDue = false
  #failure: string | undefined
  /** By the last report the policy lets nobody use it: the verdict says all there is to say. */
  #isUnfit = false
  #hasEnded = false
  #isGivenBack = false
  #closing: Promise<void> | undefined

  constructor(order: DeviceOrder, place: Place, tell: (event: ServeEvent) => void) {
    this.order = order
    this.place = place
    this.tell = tell
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

  /** It is open, and clients can come. */
  serveBy(thread: ServingThread, index: number): void {
    this.#thread = thread
    this.#index = index
    this.#death = this.#watch(thread)
  }

  get hasClient(): boolean {
    return this.#client !== undefined
  }

  /** Settles if the device is served no longer, without having been asked to end: it failed, or it was given back. */
  async gone(): Promise<void> {
    if ((await this.#death) === undefined && !this.#isGivenBack) await new Promise(() => {})
  }

  /** As `close`, because the kernel wants it. */
  async giveBack(): Promise<void> {
    this.#isGivenBack = true
    await this.close()
  }

  /** Undefined where its thread has ended. */
  counts(): Promise<ThreadCounts | undefined> {
    return this.#thread?.counts(this.#index) ?? Promise.resolve(undefined)
  }

  /** Takes no more clients, ends the time of the one that is there, and leaves the device quiet. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.place[Symbol.dispose]()
    if (this.#thread === undefined || this.#hasEnded) return
    await this.#thread.close()
    if ((await this.#death) !== undefined) return
    this.tell({ kind: 'ended', verdict: this.#verdict, status: this.exitStatus })
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

  /** What its server tells. */
  hear(event: ServerEvent): void {
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
        this.#isUnfit = !event.report.reusable
        if (event.cause === 'disconnect') this.#isReportDue = false
        break
      case 'released': {
        this.#client = undefined
        const failure = event.failure ?? (this.#isReportDue ? 'its reset came to no end' : undefined)
        this.#failure = this.#isUnfit && !this.#isReportDue ? undefined : failure
        this.tell({ ...event, failure })
        return
      }
      default:
    }
    this.tell(event)
  }
}
