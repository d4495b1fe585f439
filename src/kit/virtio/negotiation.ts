// What driver and device agreed upon since the last reset (Virtual I/O Device 1.2, 3.1): features, queues, and the
// requests that are under way in them.
import type { DeviceSession } from '../device-session.js'
import { nextTurn } from '../next-turn.js'
import { type CommonField, deviceStatus, featureBit, noVector } from './common-config.js'
import { isAcceptable, isQueueSize, offeredFeatures } from './negotiation-rules.js'
import { SplitVirtqueue } from './split-virtqueue.js'
import type { VirtioDeclaration } from './virtio-device.js'
import type { NegotiationState, QueueState as SavedQueue } from './virtio-state.js'

interface QueueState {
  size: number
  vector: number
  isEnabled: boolean
  /** Low and high halves of the addresses, as the driver wrote them. */
  words: Partial<Record<CommonField, number>>
  /** Requests that were given back before there was a ring here. */
  position: number
  ring: SplitVirtqueue | undefined
  isServed: boolean
  /** The driver notified while requests were being served, or while nothing may be. */
  isNotified: boolean
}

type Signal = (why: 'queue' | 'config', vector: number) => void
type Request = Parameters<VirtioDeclaration['serve']>[1]

/** Buffers that are dealt with before everything else gets its turn: a driver can always offer more than that. */
const buffersInTurn = 256

export class Negotiation {
  readonly session: DeviceSession
  readonly #declaration: VirtioDeclaration
  readonly #signal: Signal
  readonly #offered: bigint
  readonly #queues: readonly QueueState[]
  readonly #selected = { device_feature_select: 0, guest_feature_select: 0, queue_select: 0 }
  #accepted = 0n
  #status = 0
  #configVector: number = noVector
  #isPaused = false
  /** Whoever waits until nothing is served. */
  #resting: (() => void)[] = []

  constructor(session: DeviceSession, declaration: VirtioDeclaration, signal: Signal) {
    this.session = session
    this.#declaration = declaration
    this.#signal = signal
    this.#offered = offeredFeatures(declaration)
    this.#queues = declaration.queueSizes.map((size) => ({
      size,
      vector: noVector,
      isEnabled: false,
      words: {},
      position: 0,
      ring: undefined,
      isServed: false,
      isNotified: false,
    }))
  }

  /** The common configuration as it reads now. */
  registers(): Partial<Record<CommonField, number>> {
    const queue = this.#queue
    return {
      ...this.#selected,
      device_feature: half(this.#offered, this.#selected.device_feature_select),
      guest_feature: half(this.#accepted, this.#selected.guest_feature_select),
      msix_config: this.#configVector,
      num_queues: this.#queues.length,
      device_status: this.#status,
      queue_size: queue?.size ?? 0,
      queue_msix_vector: queue?.vector ?? noVector,
      queue_enable: queue?.isEnabled ? 1 : 0,
      queue_notify_off: queue === undefined ? 0 : this.#selected.queue_select,
      ...queue?.words,
    }
  }

  write(field: CommonField, value: number): void {
    const queue = this.#queue
    switch (field) {
      case 'device_feature_select':
      case 'guest_feature_select':
      case 'queue_select':
        this.#selected[field] = value
        break
      case 'guest_feature':
        this.#accept(value)
        break
      case 'msix_config':
        this.#configVector = this.#vector(value)
        break
      case 'device_status':
        this.#setStatus(value)
        break
      case 'queue_size':
        if (queue !== undefined && !queue.isEnabled && this.#isSize(value)) queue.size = value
        break
      case 'queue_msix_vector':
        if (queue !== undefined) queue.vector = this.#vector(value)
        break
      case 'queue_enable':
        // Once enabled it stays so until a reset (4.1.4.3.2).
        if (queue !== undefined && value === 1) queue.isEnabled = true
        break
      default:
        if (queue !== undefined && !queue.isEnabled && field.startsWith('queue_')) queue.words[field] = value
    }
  }

  /** The driver has made buffers available. */
  notify(index: number): void {
    const queue = this.#queues[index]
    if (queue === undefined || !queue.isEnabled || !this.#isRunning) return
    queue.isNotified = true
    if (!queue.isServed && !this.#isPaused) void this.#serve(index, queue)
  }

  /** Takes no further request. Resolves once those under way have been given back. */
  async pause(): Promise<void> {
    this.#isPaused = true
    while (this.#queues.some(({ isServed }) => isServed)) {
      await new Promise<void>((resolve) => this.#resting.push(resolve))
    }
  }

  resume(): void {
    this.#isPaused = false
    this.#lookEverywhere()
  }

  /** What there is to be carried to another process, while it is paused. */
  save(): NegotiationState {
    return {
      accepted: this.#accepted,
      status: this.#status,
      configVector: this.#configVector,
      ...this.#selected,
      queues: this.#queues.map(
        (queue): SavedQueue => ({
          size: queue.size,
          vector: queue.vector,
          isEnabled: queue.isEnabled,
          words: { ...queue.words },
          position: queue.ring?.position ?? queue.position,
        }),
      ),
    }
  }

  /** Goes on from there. It has been checked against the declaration. */
  restore(state: NegotiationState): void {
    this.#accepted = state.accepted
    this.#status = state.status
    this.#configVector = state.configVector
    this.#selected.device_feature_select = state.device_feature_select
    this.#selected.guest_feature_select = state.guest_feature_select
    this.#selected.queue_select = state.queue_select
    for (const [i, queue] of this.#queues.entries()) {
      const saved = state.queues[i]
      if (saved !== undefined) Object.assign(queue, saved)
    }
  }

  get #queue(): QueueState | undefined {
    return this.#queues[this.#selected.queue_select]
  }

  get #isRunning(): boolean {
    const { driverOk, featuresOk, needsReset } = deviceStatus
    return (this.#status & (driverOk | featuresOk | needsReset)) === (driverOk | featuresOk)
  }

  #accept(value: number): void {
    const { guest_feature_select: select } = this.#selected
    // Fixed from FEATURES_OK on (3.1.1).
    if (select > 1 || (this.#status & deviceStatus.featuresOk) !== 0) return
    const shift = BigInt(32 * select)
    this.#accepted = (this.#accepted & ~(0xffff_ffffn << shift)) | (BigInt(value) << shift)
  }

  #setStatus(value: number): void {
    const refused = isAcceptable(this.#accepted, this.#offered) ? 0 : deviceStatus.featuresOk | deviceStatus.driverOk
    // A driver does not clear bits, nor set the device's.
    this.#status |= value & ~refused & ~deviceStatus.needsReset
    // Buffers may have been made available before the device could look at them (3.1.1).
    this.#lookEverywhere()
  }

  #lookEverywhere(): void {
    for (const index of this.#queues.keys()) this.notify(index)
  }

  #isSize(value: number): boolean {
    return isQueueSize(value, this.#declaration.queueSizes[this.#selected.queue_select] ?? 0)
  }

  /** One that there is not reads back as no vector (4.1.5.1.2.1). */
  #vector(value: number): number {
    return value <= this.#queues.length ? value : noVector
  }

  /** What the driver set up, once features are fixed. */
  #ring(queue: QueueState): SplitVirtqueue {
    const address = (low: CommonField, high: CommonField): bigint =>
      BigInt(queue.words[low] ?? 0) | (BigInt(queue.words[high] ?? 0) << 32n)
    const has = (bit: bigint): boolean => ((this.#accepted >> bit) & 1n) === 1n
    queue.ring ??= new SplitVirtqueue(
      this.session,
      {
        size: queue.size,
        position: queue.position,
        descriptors: address('queue_desc_lo', 'queue_desc_hi'),
        driver: address('queue_avail_lo', 'queue_avail_hi'),
        device: address('queue_used_lo', 'queue_used_hi'),
      },
      { indirectDescriptors: has(featureBit.indirectDescriptors), eventIndex: has(featureBit.eventIndex) },
    )
    return queue.ring
  }

  get #mayServe(): boolean {
    return this.#isRunning && !this.#isPaused && !this.session.isOver
  }

  /** Serves what is there, in the order of the queue. */
  async #serve(index: number, queue: QueueState): Promise<void> {
    queue.isServed = true
    try {
      const ring = this.#ring(queue)
      let left = buffersInTurn
      while (queue.isNotified && this.#mayServe) {
        queue.isNotified = false
        const request = await ring.take()
        if (request === undefined) continue
        // There may be more, and the driver does not tell of that again.
        queue.isNotified = true
        if (request === 'broken' || !(await this.#answered(index, request))) return this.#break()
        const wants = await ring.complete(request)
        if (wants === 'broken') return this.#break()
        if (wants && !this.session.isOver) this.#signal('queue', queue.vector)
        left -= request.buffers
        if (left > 0) continue
        left = buffersInTurn
        await nextTurn()
      }
    } catch {
      this.#break()
    } finally {
      queue.isServed = false
      for (const resolve of this.#resting.splice(0)) resolve()
    }
  }

  /** A device that throws is one that broke: the driver is told so, and the server goes on. */
  async #answered(index: number, request: Request): Promise<boolean> {
    try {
      return await this.#declaration.serve(index, request, this.session.signal)
    } catch {
      return false
    }
  }

  #break(): void {
    if (this.session.isOver || (this.#status & deviceStatus.needsReset) !== 0) return
    this.#status |= deviceStatus.needsReset
    this.#signal('config', this.#configVector)
  }
}

const half = (features: bigint, select: number): number =>
  select > 1 ? 0 : Number((features >> BigInt(32 * select)) & 0xffff_ffffn)
