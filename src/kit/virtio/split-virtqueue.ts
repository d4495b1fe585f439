// A split virtqueue from the device's side (Virtual I/O Device 1.2, 2.7). Nothing in it is believed: an index or a chain
// that the driver may not have written ends the queue.
import { struct } from '../../bits/struct.js'
import type { DeviceSession } from '../device-session.js'
import { readChain } from './descriptor-chain.js'
import { loadWord, storeWord } from './ring-words.js'
import { VirtioRequest } from './virtio-request.js'

export const UsedElement = struct('vring_used_elem', { id: 'u32', len: 'u32' })

/** Flags and index stand before both rings. */
const ringHeader = 4
const entrySize = 2
/** Of the driver's ring: it wants to be left alone. */
export const noInterrupt = 1
const indexLimit = 0x1_0000
const longestAnswer = 0xffff_ffff

/** What the queues are made of, as it was negotiated. */
export interface RingFeatures {
  /** VIRTIO_F_INDIRECT_DESC. */
  readonly indirectDescriptors: boolean
  /** VIRTIO_F_EVENT_IDX. */
  readonly eventIndex: boolean
}

export interface QueueAddresses {
  readonly descriptors: bigint
  /** "Available ring". */
  readonly driver: bigint
  /** "Used ring". */
  readonly device: bigint
}

export interface QueuePlace extends QueueAddresses {
  readonly size: number
  /** How many requests were taken and given back before, modulo 2^16. */
  readonly position: number
}

/** 2.7. */
const alignments = { descriptors: 16n, driver: 2n, device: 4n } as const

/**
 * Whether the other side wants to be told of an index that went on from `before` to `now`, when it asked to be told of
 * `event` (2.7.10.1: `vring_need_event`). All of them modulo 2^16.
 */
export function needsEvent(event: number, now: number, before: number): boolean {
  return ((now - event - 1) & 0xffff) < ((now - before) & 0xffff)
}

export class SplitVirtqueue {
  readonly #session: DeviceSession
  readonly #place: QueuePlace
  readonly #features: RingFeatures
  readonly #isAligned: boolean
  #taken: number
  #used: number
  /** The driver's index when it was last looked at. */
  #available: number

  constructor(session: DeviceSession, place: QueuePlace, features: RingFeatures) {
    this.#session = session
    this.#place = place
    this.#features = features
    this.#isAligned = (['descriptors', 'driver', 'device'] as const).every(
      (part) => place[part] % alignments[part] === 0n,
    )
    this.#taken = place.position
    this.#used = place.position
    this.#available = place.position
  }

  /** How many requests were given back, modulo 2^16. */
  get position(): number {
    return this.#used
  }

  /**
   * The next request: undefined if there is none now, `broken` where the queue makes no sense or cannot be read. After
   * an undefined the driver notifies of the next one.
   */
  async take(): Promise<VirtioRequest | 'broken' | undefined> {
    if (!this.#isAligned) return 'broken'
    if (this.#taken === this.#available) {
      const news = await this.#look()
      if (news !== true) return news
    }
    const { driver, size, descriptors } = this.#place
    const { dma } = this.#session
    const slot = BigInt(ringHeader + entrySize * (this.#taken % size))
    const head = await loadWord(dma, driver + slot)
    const chain =
      head === undefined
        ? undefined
        : await readChain(dma, { address: descriptors, count: size }, head, this.#features.indirectDescriptors)
    if (chain === undefined || head === undefined) return 'broken'
    this.#taken = (this.#taken + 1) % indexLimit
    return new VirtioRequest(this.#session, { id: head, ...chain })
  }

  /** Gives a request back. Returns whether the driver wants an interrupt for it, `broken` where it cannot be given. */
  async complete(request: VirtioRequest): Promise<boolean | 'broken'> {
    const { dma } = this.#session
    const { device, size } = this.#place
    const before = this.#used
    const slot = BigInt(ringHeader + UsedElement.size * (before % size))
    const element = UsedElement.encode({ id: request.id, len: Math.min(request.written, longestAnswer) })
    if (!(await dma.write(device + slot, element))) return 'broken'
    const used = (before + 1) % indexLimit
    // The index goes last (2.7.8.2): from there on the driver may look at the element.
    if (!(await storeWord(dma, device + 2n, used))) return 'broken'
    this.#used = used
    return this.#wantsInterrupt(used, before)
  }

  /** Looks for news of the driver. */
  async #look(): Promise<true | 'broken' | undefined> {
    const { dma } = this.#session
    for (let isAsked = false; ; isAsked = true) {
      const available = await loadWord(dma, this.#place.driver + 2n)
      if (available === undefined) return 'broken'
      const waiting = (available - this.#taken + indexLimit) % indexLimit
      if (waiting > this.#place.size) return 'broken'
      if (waiting > 0) {
        this.#available = available
        return true
      }
      if (isAsked || !this.#features.eventIndex) return undefined
      // From here on the driver notifies (2.7.10); what it made available just before that is still to be looked for.
      const { device, size } = this.#place
      const event = device + BigInt(ringHeader + UsedElement.size * size)
      if (!(await storeWord(dma, event, this.#taken))) return 'broken'
    }
  }

  async #wantsInterrupt(used: number, before: number): Promise<boolean | 'broken'> {
    const { driver, size } = this.#place
    const { dma } = this.#session
    if (this.#features.eventIndex) {
      const event = await loadWord(dma, driver + BigInt(ringHeader + entrySize * size))
      return event === undefined ? 'broken' : needsEvent(event, used, before)
    }
    const flags = await loadWord(dma, driver)
    return flags === undefined ? 'broken' : (flags & noInterrupt) === 0
  }
}
