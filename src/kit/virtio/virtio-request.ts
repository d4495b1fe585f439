import type { DeviceSession } from '../device-session.js'

/** A buffer of a descriptor chain. */
export interface RequestBuffer {
  readonly address: bigint
  readonly length: number
}

/** A buffer that the driver made available: what it says, then what the device answers. */
export class VirtioRequest {
  /** Bytes that the driver wrote for the device. */
  readonly readable: number
  /** Bytes that the device may write. */
  readonly writable: number
  /** Of the first descriptor: how the driver knows it again. */
  readonly id: number
  readonly #session: DeviceSession
  readonly #in: readonly RequestBuffer[]
  readonly #out: readonly RequestBuffer[]
  #written = 0

  constructor(
    session: DeviceSession,
    chain: { id: number; readable: readonly RequestBuffer[]; writable: readonly RequestBuffer[] },
  ) {
    this.#session = session
    this.id = chain.id
    this.#in = chain.readable
    this.#out = chain.writable
    const total = (buffers: readonly RequestBuffer[]): number => buffers.reduce((sum, { length }) => sum + length, 0)
    this.readable = total(this.#in)
    this.writable = total(this.#out)
  }

  /** How many buffers it is made of. */
  get buffers(): number {
    return this.#in.length + this.#out.length
  }

  /** Bytes written so far. */
  get written(): number {
    return this.#written
  }

  /**
   * What the driver wrote, `most` bytes of it: a driver can name the same memory many times over, so the device says
   * how much it wants. Undefined if it cannot be read.
   */
  async read(most: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(Math.min(most, this.readable))
    let done = 0
    for (const { address, length } of this.#in) {
      const part = bytes.subarray(done, done + length)
      if (part.length > 0 && !(await this.#session.dma.readInto(address, part))) return undefined
      done += part.length
    }
    return bytes
  }

  /** Writes behind what was written before. False if there is no room for all of it, or it cannot be written. */
  async write(bytes: Uint8Array): Promise<boolean> {
    if (bytes.length > this.writable - this.#written) return false
    let skip = this.#written
    let done = 0
    for (const { address, length } of this.#out) {
      if (skip >= length) {
        skip -= length
        continue
      }
      const part = bytes.subarray(done, done + length - skip)
      if (part.length > 0 && !(await this.#session.dma.write(address + BigInt(skip), part))) return false
      done += part.length
      skip = 0
    }
    this.#written += bytes.length
    return true
  }
}
