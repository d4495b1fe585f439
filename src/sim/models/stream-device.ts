// The device that most models are: a bank of registers and a DMA engine that goes on writing by itself. BAR 0 holds the
// registers; BAR 2, where there is one, shows the same registers in I/O space.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { PhysicalFunction } from '../../function/physical-function.js'
import type { RegisterWidth } from '../../kit/device-model.js'
import { readWords, type WordBank, writeWords } from '../../kit/word-registers.js'
import type { DeviceHost, DeviceLogic, DmaRequest } from '../device-logic.js'
import { writeRegister } from '../region-access.js'
import type { ScheduledEvent } from '../virtual-clock.js'

/** Offsets of the 32-bit registers. */
export const streamRegister = {
  /** Reads `streamIdentity`. */
  id: 0x00,
  /** Bit 0: the engine runs. */
  status: 0x04,
  /** Where in memory it writes. */
  ringLow: 0x08,
  ringHigh: 0x0c,
  /** Bytes of the ring; after them it starts again at its beginning. */
  length: 0x10,
  /** Microseconds between two transfers. */
  periodUs: 0x14,
  /** The first value written; each next one is one more. */
  pattern: 0x18,
  /** 1 starts, 0 stops. */
  doorbell: 0x1c,
  /** Transfers made since the start. */
  transfers: 0x20,
  scratch: 0x24,
  /** Writing a vector signals it. */
  interrupt: 0x28,
  /** Any write takes the INTx line back. */
  acknowledge: 0x2c,
  /** 0 writes memory, 1 reads it. */
  direction: 0x30,
  /** The last word read from memory. */
  lastRead: 0x34,
} as const

/** "QSIM". */
export const streamIdentity = 0x5153_494d

/** How long memory takes to answer a read; Transactions Pending is 1 meanwhile. */
const readUs = 20

const plain = new Set<number>([
  streamRegister.ringLow,
  streamRegister.ringHigh,
  streamRegister.length,
  streamRegister.periodUs,
  streamRegister.pattern,
  streamRegister.scratch,
  streamRegister.direction,
])

export class StreamDevice implements DeviceLogic, WordBank {
  readonly #host: DeviceHost
  readonly #words = new Map<number, number>()
  #isRunning = false
  #isReadPending = false
  #epoch = 0
  #transfers = 0
  #next: ScheduledEvent | undefined

  constructor(host: DeviceHost) {
    this.#host = host
  }

  get busy(): boolean {
    return this.#isRunning
  }

  get readPending(): boolean {
    return this.#isReadPending
  }

  get dirty(): boolean {
    return this.#isRunning || this.#transfers > 0 || [...this.#words.values()].some((word) => word !== 0)
  }

  read(_bar: number, offset: number, width: RegisterWidth): bigint {
    return readWords(this, offset, width)
  }

  write(_bar: number, offset: number, width: RegisterWidth, value: bigint): void {
    writeWords(this, offset, width, value)
  }

  readWord(offset: number): number {
    if (offset === streamRegister.id) return streamIdentity
    if (offset === streamRegister.status) return this.#isRunning ? 1 : 0
    if (offset === streamRegister.transfers) return this.#transfers
    return this.#words.get(offset) ?? 0
  }

  writeWord(offset: number, value: number): void {
    if (plain.has(offset)) this.#words.set(offset, value)
    else if (offset === streamRegister.doorbell) this.#ring(value)
    else if (offset === streamRegister.interrupt) this.#host.raise(value)
    else if (offset === streamRegister.acknowledge) this.#host.lowerIntx()
  }

  reset(): void {
    this.#stop()
    this.#words.clear()
    this.#transfers = 0
  }

  /** A transfer that could not leave is made as soon as it can: that is what a restored Bus Master does. */
  gateChanged(): void {
    if (this.#isRunning && this.#next === undefined && this.#host.mayMaster) this.#schedule()
  }

  #ring(value: number): void {
    this.#stop()
    if (value === 0) return
    this.#isRunning = true
    this.#transfers = 0
    this.#epoch = this.#host.epoch
    this.#schedule()
  }

  #stop(): void {
    this.#next?.cancel()
    this.#next = undefined
    this.#isRunning = false
    this.#isReadPending = false
  }

  #schedule(): void {
    const period = Math.max(1, this.readWord(streamRegister.periodUs))
    this.#next = this.#host.clock.schedule(period, () => this.#transfer())
  }

  #transfer(): void {
    this.#next = undefined
    const length = Math.max(4, this.readWord(streamRegister.length) & ~3)
    const ring = BigInt(this.readWord(streamRegister.ringLow)) | (BigInt(this.readWord(streamRegister.ringHigh)) << 32n)
    const iova = ring + BigInt((this.#transfers * 4) % length)
    if (this.readWord(streamRegister.direction) === 1) this.#requestRead(iova)
    else this.#write(iova)
  }

  #write(iova: bigint): void {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, (this.readWord(streamRegister.pattern) + this.#transfers) >>> 0, true)
    if (!this.#host.dmaWrite(iova, bytes, this.#epoch)) return
    this.#transfers++
    this.#schedule()
  }

  #requestRead(iova: bigint): void {
    const data = this.#host.dmaRead(iova, 4, this.#epoch)
    if (data === undefined && !this.#host.mayMaster) return
    this.#isReadPending = true
    this.#next = this.#host.clock.schedule(readUs, () => {
      this.#isReadPending = false
      this.#transfers++
      if (data !== undefined) this.#words.set(streamRegister.lastRead, new DataView(data.buffer).getUint32(0, true))
      this.#schedule()
    })
  }
}

/** Programs the engine of a function that has one, through its BAR 0, and starts it. */
export function startStream(fn: PhysicalFunction, request: DmaRequest): void {
  const registers = fn.regions[0]
  if (registers === undefined) {
    throw new QuiesceError('UNSUPPORTED', `Cannot start a transfer: ${fn.address} has no BAR 0`, { device: fn.address })
  }
  const set = (offset: number, value: number | bigint): void => writeRegister(registers, offset, 4, BigInt(value))
  set(streamRegister.ringLow, request.iova & 0xffff_ffffn)
  set(streamRegister.ringHigh, request.iova >> 32n)
  set(streamRegister.length, request.length ?? 4096)
  set(streamRegister.periodUs, request.periodUs ?? 100)
  set(streamRegister.pattern, request.pattern ?? 0xd00d_0000)
  set(streamRegister.direction, 0)
  set(streamRegister.doorbell, 1)
}
