// What driver and device agreed upon since the last reset (Virtual I/O Device 1.2, 3.1): features, queues, and the
// requests that are under way in them.
import type { DeviceSession } from '../device-session.js'
import { type CommonField, deviceStatus, featureBit, noVector } from './common-config.js'
import { SplitVirtqueue } from './split-virtqueue.js'
import type { VirtioDeclaration } from './virtio-device.js'

interface QueueState {
  size: number
  vector: number
  isEnabled: boolean
  /** Low and high halves of the addresses, as the driver wrote them. */
  readonly words: Partial<Record<CommonField, number>>
  ring: SplitVirtqueue | undefined
  isServed: boolean
  /** The driver notified while requests were being served. */
  isNotified: boolean
}

type Signal = (why: 'queue' | 'config', vector: number) => void

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

  constructor(session: DeviceSession, declaration: VirtioDeclaration, signal: Signal) {
    this.session = session
    this.#declaration = declaration
    this.#signal = signal
    this.#offered = (declaration.features ?? 0n) | (1n << featureBit.version1)
    this.#queues = declaration.queueSizes.map((size) => ({
      size,
      vector: noVector,
      isEnabled: false,
      words: {},
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
        if (queue !== undefined && value === 1) this.#enable(queue)
        break
      default:
        if (queue !== undefined && !queue.isEnabled && field.startsWith('queue_')) queue.words[field] = value
    }
  }

  /** The driver has made buffers available. */
  notify(index: number): void {
    const queue = this.#queues[index]
    if (queue?.ring === undefined || !this.#isRunning) return
    queue.isNotified = true
    if (!queue.isServed) void this.#serve(index, queue, queue.ring)
  }

  get #queue(): QueueState | undefined {
    return this.#queues[this.#selected.queue_select]
  }

  get #isRunning(): boolean {
    const { driverOk, needsReset } = deviceStatus
    return (this.#status & (driverOk | needsReset)) === driverOk
  }

  #accept(value: number): void {
    const { guest_feature_select: select } = this.#selected
    // Fixed from FEATURES_OK on (3.1.1).
    if (select > 1 || (this.#status & deviceStatus.featuresOk) !== 0) return
    const shift = BigInt(32 * select)
    this.#accepted = (this.#accepted & ~(0xffff_ffffn << shift)) | (BigInt(value) << shift)
  }

  #setStatus(value: number): void {
    const isAcceptable =
      (this.#accepted & ~this.#offered) === 0n && ((this.#accepted >> featureBit.version1) & 1n) === 1n
    const refused = isAcceptable ? 0 : deviceStatus.featuresOk | deviceStatus.driverOk
    // A driver does not clear bits, nor set the device's.
    this.#status |= value & ~refused & ~deviceStatus.needsReset
    // Buffers may have been made available before the device could look at them (3.1.1).
    if (this.#isRunning) for (const index of this.#queues.keys()) this.notify(index)
  }

  #isSize(value: number): boolean {
    const most = this.#declaration.queueSizes[this.#selected.queue_select] ?? 0
    return value > 0 && value <= most && (value & (value - 1)) === 0
  }

  /** One that there is not reads back as no vector (4.1.5.1.2.1). */
  #vector(value: number): number {
    return value <= this.#queues.length ? value : noVector
  }

  #enable(queue: QueueState): void {
    const address = (low: CommonField, high: CommonField): bigint =>
      BigInt(queue.words[low] ?? 0) | (BigInt(queue.words[high] ?? 0) << 32n)
    queue.isEnabled = true
    queue.ring = new SplitVirtqueue(this.session, queue.size, {
      descriptors: address('queue_desc_lo', 'queue_desc_hi'),
      driver: address('queue_avail_lo', 'queue_avail_hi'),
      device: address('queue_used_lo', 'queue_used_hi'),
    })
  }

  /** Serves what is there, in the order of the queue. */
  async #serve(index: number, queue: QueueState, ring: SplitVirtqueue): Promise<void> {
    queue.isServed = true
    while (queue.isNotified && !this.session.isOver) {
      queue.isNotified = false
      for (let request = await ring.take(); request !== undefined; request = await ring.take()) {
        if (request === 'broken' || !(await this.#answered(index, request))) return this.#break()
        const wants = await ring.complete(request)
        if (wants === 'broken') return this.#break()
        if (wants && !this.session.isOver) this.#signal('queue', queue.vector)
      }
    }
    queue.isServed = false
  }

  /** A device that throws is one that broke: the driver is told so, and the server goes on. */
  async #answered(index: number, request: Parameters<VirtioDeclaration['serve']>[1]): Promise<boolean> {
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
