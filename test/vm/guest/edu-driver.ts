// In the guest: a driver for QEMU's edu device (docs/specs/edu.rst), on any PhysicalFunction and in any guest.
import type { ConfigSpace } from '../../../src/function/config-space.js'
import type { DmaMapping, DmaMemory } from '../../../src/function/dma.js'
import type { PhysicalFunction } from '../../../src/function/physical-function.js'
import type { Region } from '../../../src/function/region.js'
import { Command } from '../../../src/pci/command.js'
import { headerOffset } from '../../../src/pci/header.js'

const register = { identification: 0x00, source: 0x80, destination: 0x88, count: 0x90, command: 0x98 } as const
/** The device's own buffer, as its DMA engine sees it. */
const buffer = 0x4_0000n
const start = 1n
const toMemory = 2n
/** A transfer completes about this long after it was started. */
export const transferMs = 100

const interruptWhenDone = 4n

/** What a driver needs of its device, which is a PhysicalFunction or what a guest has of one. */
export interface EduAccess {
  readonly address: string
  readonly config: Pick<ConfigSpace, 'read' | 'write'>
  readonly regions: readonly (Pick<Region, 'read' | 'write'> | undefined)[]
}

export class EduDriver {
  readonly #fn: EduAccess

  constructor(fn: EduAccess) {
    this.#fn = fn
  }

  /** Lets the device decode its BAR and master the bus, as a guest's driver does. */
  enable(): void {
    const command = this.#fn.config.read(headerOffset.command, 2)
    this.#fn.config.write(headerOffset.command, 2, Command.encode({ memorySpace: true, busMaster: true }, command))
  }

  get identification(): number {
    const bytes = new Uint8Array(4)
    this.#bar.read(BigInt(register.identification), bytes)
    return new DataView(bytes.buffer).getUint32(0, true)
  }

  /** Whether the engine is at work: the start bit stays set until the transfer is done. */
  get isTransferring(): boolean {
    const bytes = new Uint8Array(8)
    this.#bar.read(BigInt(register.command), bytes)
    return (new DataView(bytes.buffer).getBigUint64(0, true) & start) !== 0n
  }

  /** Starts a transfer from memory into the device's buffer. */
  load(iova: bigint, length: number): void {
    this.#transfer(iova, buffer, length, start)
  }

  /** Starts a transfer from the device's buffer into memory. */
  store(iova: bigint, length: number, options: { readonly interrupt?: boolean } = {}): void {
    const whenDone = options.interrupt === true ? interruptWhenDone : 0n
    this.#transfer(buffer, iova, length, start | toMemory | whenDone)
  }

  get #bar() {
    const bar = this.#fn.regions[0]
    if (bar === undefined) throw new Error(`${this.#fn.address} has no BAR 0`)
    return bar
  }

  #transfer(source: bigint, destination: bigint, length: number, command: bigint): void {
    this.#write(register.source, source)
    this.#write(register.destination, destination)
    this.#write(register.count, BigInt(length))
    this.#write(register.command, command)
  }

  #write(offset: number, value: bigint): void {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, value, true)
    this.#bar.write(BigInt(offset), bytes)
  }
}

/** A page of memory that the device can reach, with something in the device's buffer to write into it. */
export class Canary implements Disposable {
  readonly iova: bigint
  readonly memory: DmaMemory
  readonly #mapping: DmaMapping

  constructor(fn: PhysicalFunction, iova: bigint) {
    this.iova = iova
    this.memory = fn.dma.allocate(4096n)
    this.#mapping = fn.dma.map(iova, this.memory, 'read-write')
  }

  /** Whether every byte is still `value`. */
  isIntact(value: number): boolean {
    return this.memory.bytes.every((byte) => byte === value)
  }

  fill(value: number): void {
    this.memory.bytes.fill(value)
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]()
    this.memory[Symbol.dispose]()
  }
}
