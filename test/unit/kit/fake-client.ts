// A client of a device: memory that it shares, or that the device reaches by messages only, and a note of its interrupts.
import assert from 'node:assert/strict'
import type { DmaAccess } from '../../../src/function/dma.js'
import type { BusClient, BusFunction, BusInterruptKind } from '../../../src/kit/bus-function.js'
import type { ClientMemory } from '../../../src/kit/client-memory.js'
import { headerOffset } from '../../../src/pci/header.js'

interface Range {
  readonly address: bigint
  readonly bytes: Uint8Array
  readonly access: DmaAccess
  readonly isShared: boolean
}

export class FakeMemory implements ClientMemory {
  readonly ranges: Range[] = []
  /** How many messages the device has sent. */
  messages = 0
  /** What the device said that it wrote through a view. */
  readonly dirty: { address: bigint; size: number }[] = []
  #held: (() => void)[] | undefined

  map(address: bigint, size: number, access: DmaAccess = 'read-write', isShared = true): Uint8Array {
    const bytes = new Uint8Array(size)
    this.ranges.push({ address, bytes, access, isShared })
    return bytes
  }

  unmap(address: bigint): void {
    const at = this.ranges.findIndex((range) => range.address === address)
    assert.ok(at >= 0)
    this.ranges.splice(at, 1)
  }

  /** Answers no message until `answer`. */
  hold(): void {
    this.#held = []
  }

  /** Answers the messages that were held back. */
  answer(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const resolve of held) resolve()
  }

  view(address: bigint, size: number, access: DmaAccess): Uint8Array | undefined {
    const range = this.#find(address, size, access)
    const at = Number(address - (range?.address ?? 0n))
    return range?.isShared ? range.bytes.subarray(at, at + size) : undefined
  }

  async read(address: bigint, into: Uint8Array): Promise<void> {
    await this.#message()
    into.set(this.#require(address, into.length, 'read'))
  }

  async write(address: bigint, from: Uint8Array): Promise<void> {
    const bytes = from.slice()
    await this.#message()
    this.#require(address, bytes.length, 'write').set(bytes)
  }

  markDirty(address: bigint, size: number): void {
    this.dirty.push({ address, size })
  }

  async #message(): Promise<void> {
    this.messages++
    await new Promise<void>((resolve) => {
      if (this.#held === undefined) setImmediate(resolve)
      else this.#held.push(resolve)
    })
  }

  #require(address: bigint, size: number, access: DmaAccess): Uint8Array {
    const range = this.#find(address, size, access)
    if (range === undefined) throw new Error(`nothing is mapped at 0x${address.toString(16)}`)
    const at = Number(address - range.address)
    return range.bytes.subarray(at, at + size)
  }

  #find(address: bigint, size: number, access: DmaAccess): Range | undefined {
    const end = address + BigInt(size)
    return this.ranges.find(
      (range) =>
        address >= range.address &&
        end <= range.address + BigInt(range.bytes.length) &&
        (range.access === 'read-write' || range.access === access),
    )
  }
}

export class FakeClient implements BusClient {
  readonly memory = new FakeMemory()
  readonly signals: string[] = []
  /** Whether interrupts have somewhere to go. */
  takesInterrupts = true

  signal(kind: BusInterruptKind, vector: number): boolean {
    if (this.takesInterrupts) this.signals.push(`${kind} ${vector}`)
    return this.takesInterrupts
  }
}

export const command = { io: 1, memory: 2, busMaster: 4, intxDisable: 0x400 } as const

/** Turns a function on: memory decoding and Bus Master. */
export function enable(fn: BusFunction): void {
  fn.writeConfig(headerOffset.command, 2, command.memory | command.busMaster)
}

/** Waits until something is so: a device works between the turns of the event loop. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns++) {
    assert.ok(turns < 20_000, `in vain: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
