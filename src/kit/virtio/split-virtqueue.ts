// A split virtqueue from the device's side (Virtual I/O Device 1.2, 2.7). Nothing in it is believed: an index or a chain
// that the driver may not have written ends the queue.
import { struct } from '../../bits/struct.js'
import type { DeviceSession } from '../device-session.js'
import { type RequestBuffer, VirtioRequest } from './virtio-request.js'

export const Descriptor = struct('vring_desc', { addr: 'u64', len: 'u32', flags: 'u16', next: 'u16' })
export const UsedElement = struct('vring_used_elem', { id: 'u32', len: 'u32' })

export const descriptorFlag = { next: 1, write: 2 } as const
/** Flags and index stand before both rings. */
const ringHeader = 4
/** Of the driver's ring: it wants to be left alone. */
export const noInterrupt = 1
const indexLimit = 0x1_0000

export interface QueueAddresses {
  readonly descriptors: bigint
  /** "Available ring". */
  readonly driver: bigint
  /** "Used ring". */
  readonly device: bigint
}

export class SplitVirtqueue {
  readonly #session: DeviceSession
  readonly #size: number
  readonly #at: QueueAddresses
  #taken = 0
  #used = 0

  constructor(session: DeviceSession, size: number, at: QueueAddresses) {
    this.#session = session
    this.#size = size
    this.#at = at
  }

  /** The next request: undefined if there is none now, `broken` where the queue makes no sense or cannot be read. */
  async take(): Promise<VirtioRequest | 'broken' | undefined> {
    const available = await this.#word(this.#at.driver + 2n)
    if (available === undefined) return 'broken'
    const waiting = (available - this.#taken + indexLimit) % indexLimit
    if (waiting === 0) return undefined
    if (waiting > this.#size) return 'broken'
    const slot = BigInt(ringHeader + 2 * (this.#taken % this.#size))
    const head = await this.#word(this.#at.driver + slot)
    const request = head === undefined ? undefined : await this.#chain(head)
    if (request === undefined) return 'broken'
    this.#taken = (this.#taken + 1) % indexLimit
    return request
  }

  /** Gives a request back. Returns whether the driver wants an interrupt for it, `broken` where it cannot be given. */
  async complete(request: VirtioRequest): Promise<boolean | 'broken'> {
    const { dma } = this.#session
    const slot = BigInt(ringHeader + UsedElement.size * (this.#used % this.#size))
    const element = UsedElement.encode({ id: request.id, len: request.written })
    if (!(await dma.write(this.#at.device + slot, element))) return 'broken'
    this.#used = (this.#used + 1) % indexLimit
    // The index goes last (2.7.8.2): from there on the driver may look at the element.
    const index = new Uint8Array([this.#used & 0xff, this.#used >> 8])
    if (!(await dma.write(this.#at.device + 2n, index))) return 'broken'
    const flags = await this.#word(this.#at.driver)
    return flags === undefined ? 'broken' : (flags & noInterrupt) === 0
  }

  async #chain(head: number): Promise<VirtioRequest | undefined> {
    const readable: RequestBuffer[] = []
    const writable: RequestBuffer[] = []
    // A chain has no more descriptors than the queue (2.7.5.3.1): a longer one is a loop.
    for (let at = head, seen = 0; at < this.#size && seen < this.#size; seen++) {
      const bytes = await this.#session.dma.read(this.#at.descriptors + BigInt(at * Descriptor.size), Descriptor.size)
      if (bytes === undefined) return undefined
      const { addr, len, flags, next } = Descriptor.decode(bytes)
      const isWritable = (flags & descriptorFlag.write) !== 0
      // Readable ones come first (2.7.4.2); indirect tables were not offered.
      if ((flags & ~(descriptorFlag.next | descriptorFlag.write)) !== 0) return undefined
      if (!isWritable && writable.length > 0) return undefined
      const buffers = isWritable ? writable : readable
      buffers.push({ address: addr, length: len })
      if ((flags & descriptorFlag.next) === 0) {
        return new VirtioRequest(this.#session, { id: head, readable, writable })
      }
      at = next
    }
    return undefined
  }

  async #word(address: bigint): Promise<number | undefined> {
    const bytes = await this.#session.dma.read(address, 2)
    return bytes === undefined ? undefined : (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8)
  }
}
