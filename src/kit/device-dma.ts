// A device's way to the client's memory. The client's mappings bound every byte, at the moment in which it is moved; and
// nothing moves once the session that the transfer belongs to is over.
import type { ClientMemory } from './client-memory.js'

/** What a device's requests pass on their way out. */
export interface DmaGate {
  /** The memory behind it; undefined while nobody drives the device. */
  readonly memory: ClientMemory | undefined
  /** Whether a request may leave: Bus Master on, in D0, and the session not over. */
  readonly isOpen: boolean
  /** While requests are held back, for a device that is being carried elsewhere: until then they wait. */
  readonly held: Promise<void> | undefined
  /** A request by message begins (1), or has been answered (-1). */
  pending(change: 1 | -1): void
}

/** A longer transfer by messages asks the gate again after each such part: a reset stops it there. */
const partSize = 0x1_0000
const addressLimit = 1n << 64n

export class DeviceDma {
  readonly #gate: DmaGate
  #writes = 0
  #drained: (() => void)[] = []

  constructor(gate: DmaGate) {
    this.#gate = gate
  }

  /**
   * The client's own bytes, to be read or written at once: they are the device's until it next awaits anything. What is
   * written is to be told by `markDirty`. Undefined where the range is not shared in one piece, or the device may not
   * reach it, or not now: `read` and `write` then wait until it may.
   */
  view(address: bigint, size: number, access: 'read' | 'write'): Uint8Array | undefined {
    return this.#gate.held === undefined ? this.#reach(address, size)?.view(address, size, access) : undefined
  }

  /** Bytes were written through a view. */
  markDirty(address: bigint, size: number): void {
    this.#gate.memory?.markDirty(address, size)
  }

  /** Reads a copy. Undefined if any byte could not be read: unmapped, no Bus Master, or the session is over. */
  async read(address: bigint, size: number): Promise<Uint8Array | undefined> {
    const into = new Uint8Array(size)
    return (await this.readInto(address, into)) ? into : undefined
  }

  /** Fills `into`. False if any byte could not be read; bytes before it may have been. */
  async readInto(address: bigint, into: Uint8Array): Promise<boolean> {
    const shared = this.view(address, into.length, 'read')
    if (shared !== undefined) {
      into.set(shared)
      return true
    }
    return this.#inParts(address, into, (memory, at, part) => memory.read(at, part))
  }

  /** Writes. False if any byte could not be written; bytes before it may have been. */
  async write(address: bigint, from: Uint8Array): Promise<boolean> {
    const shared = this.view(address, from.length, 'write')
    if (shared !== undefined) {
      shared.set(from)
      this.markDirty(address, from.length)
      return true
    }
    return this.#inParts(address, from, async (memory, at, part) => {
      this.#writes++
      try {
        await memory.write(at, part)
      } finally {
        this.#writes--
        if (this.#writes === 0) for (const resolve of this.#drained.splice(0)) resolve()
      }
    })
  }

  /** Resolves once the client has answered every write that was sent to it: after that, none lands any more. */
  drained(): Promise<void> {
    return this.#writes === 0 ? Promise.resolve() : new Promise((resolve) => this.#drained.push(resolve))
  }

  #reach(address: bigint, size: number): ClientMemory | undefined {
    const fits = address >= 0n && address + BigInt(size) <= addressLimit
    return fits && this.#gate.isOpen ? this.#gate.memory : undefined
  }

  async #inParts(
    address: bigint,
    bytes: Uint8Array,
    move: (memory: ClientMemory, address: bigint, part: Uint8Array) => void | Promise<void>,
  ): Promise<boolean> {
    for (let done = 0; done < bytes.length; done += partSize) {
      const part = bytes.subarray(done, done + partSize)
      const here = address + BigInt(done)
      while (this.#gate.held !== undefined) await this.#gate.held
      const memory = this.#reach(here, part.length)
      if (memory === undefined) return false
      this.#gate.pending(1)
      try {
        await move(memory, here, part)
      } catch {
        // The client did not map it, did not answer, or is gone: to the device all of that is an unanswered request.
        return false
      } finally {
        this.#gate.pending(-1)
      }
    }
    return this.#gate.isOpen
  }
}
