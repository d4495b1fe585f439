// QEMU's `edu`, register for register (docs/specs/edu.rst, hw/misc/edu.c): a transfer completes 100 ms after it was
// started, whatever happens to the device in between.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { PhysicalFunction } from '../../function/physical-function.js'
import type { RegisterWidth } from '../../kit/device-model.js'
import type { DeviceHost, DeviceLogic, DmaRequest } from '../device-logic.js'
import { writeRegister } from '../region-access.js'
import type { ScheduledEvent } from '../virtual-clock.js'

export const eduRegister = {
  identification: 0x00,
  liveness: 0x04,
  factorial: 0x08,
  status: 0x20,
  interruptStatus: 0x24,
  raise: 0x60,
  acknowledge: 0x64,
  dmaSource: 0x80,
  dmaDestination: 0x88,
  dmaCount: 0x90,
  dmaCommand: 0x98,
} as const

export const eduIdentity = 0x0100_00ed
export const eduStatus = { computing: 0x01, interruptAfterFactorial: 0x80 } as const
export const eduDmaCommand = { run: 0x1, toMemory: 0x2, interrupt: 0x4 } as const
/** Where the device's own buffer lies in its address space. */
export const eduBuffer = { start: 0x40000n, size: 4096n } as const

const dmaMask = (1n << 28n) - 1n
const transferUs = 100_000
const factorialUs = 10
const interrupts = { factorial: 0x1, dma: 0x100 } as const
/** Fewer accesses than this offset take 4 bytes only. */
const wideFrom = 0x80

export class EduDevice implements DeviceLogic {
  readonly #host: DeviceHost
  readonly #buffer = new Uint8Array(Number(eduBuffer.size))
  #liveness = 0
  #factorial = 0
  #status = 0
  #interruptStatus = 0
  #source = 0n
  #destination = 0n
  #count = 0n
  #command = 0n
  #epoch = 0
  #pending: ScheduledEvent[] = []

  constructor(host: DeviceHost) {
    this.#host = host
  }

  get busy(): boolean {
    return (this.#command & BigInt(eduDmaCommand.run)) !== 0n
  }

  get readPending(): boolean {
    return this.busy && (this.#command & BigInt(eduDmaCommand.toMemory)) === 0n
  }

  get dirty(): boolean {
    const registers = [this.#liveness, this.#factorial, this.#status, this.#interruptStatus]
    const transfer = [this.#source, this.#destination, this.#count, this.#command]
    return (
      registers.some((value) => value !== 0) ||
      transfer.some((value) => value !== 0n) ||
      this.#buffer.some((byte) => byte !== 0)
    )
  }

  read(_bar: number, offset: number, width: RegisterWidth): bigint {
    if (!isAllowed(offset, width)) return -1n
    switch (offset) {
      case eduRegister.identification:
        return BigInt(eduIdentity)
      case eduRegister.liveness:
        return BigInt(this.#liveness)
      case eduRegister.factorial:
        return BigInt(this.#factorial)
      case eduRegister.status:
        return BigInt(this.#status)
      case eduRegister.interruptStatus:
        return BigInt(this.#interruptStatus)
      case eduRegister.dmaSource:
        return this.#source
      case eduRegister.dmaDestination:
        return this.#destination
      case eduRegister.dmaCount:
        return this.#count
      case eduRegister.dmaCommand:
        return this.#command
      default:
        return -1n
    }
  }

  write(_bar: number, offset: number, width: RegisterWidth, value: bigint): void {
    if (!isAllowed(offset, width)) return
    switch (offset) {
      case eduRegister.liveness:
        this.#liveness = Number(BigInt.asUintN(32, ~value))
        break
      case eduRegister.factorial:
        this.#compute(Number(value))
        break
      case eduRegister.status:
        this.#status = (this.#status & ~eduStatus.interruptAfterFactorial) | (Number(value) & 0x80)
        break
      case eduRegister.raise:
        this.#raise(Number(value))
        break
      case eduRegister.acknowledge:
        this.#interruptStatus &= ~Number(value)
        if (this.#interruptStatus === 0) this.#host.lowerIntx()
        break
      default:
        this.#writeTransfer(offset, value)
    }
  }

  reset(): void {
    for (const event of this.#pending) event.cancel()
    this.#pending = []
    this.#buffer.fill(0)
    this.#liveness = 0
    this.#factorial = 0
    this.#status = 0
    this.#interruptStatus = 0
    this.#source = 0n
    this.#destination = 0n
    this.#count = 0n
    this.#command = 0n
  }

  // The transfer completes by time alone; a request that cannot leave then is dropped, as in QEMU.
  gateChanged(): void {}

  #later(us: number, run: () => void): void {
    const event = this.#host.clock.schedule(us, () => {
      this.#pending = this.#pending.filter((each) => each !== event)
      run()
    })
    this.#pending.push(event)
  }

  #raise(bits: number): void {
    this.#interruptStatus = (this.#interruptStatus | bits) >>> 0
    if (this.#interruptStatus !== 0) this.#host.raise(0)
  }

  #compute(value: number): void {
    if ((this.#status & eduStatus.computing) !== 0) return
    this.#factorial = value
    this.#status |= eduStatus.computing
    this.#later(factorialUs, () => {
      let product = 1
      // Beyond 33 the low 32 bits are all 0; the loop need not go on for four thousand million steps.
      for (let i = Math.min(value, 34); i > 1; i--) product = Math.imul(product, i) >>> 0
      this.#factorial = product
      this.#status &= ~eduStatus.computing
      if ((this.#status & eduStatus.interruptAfterFactorial) !== 0) this.#raise(interrupts.factorial)
    })
  }

  #writeTransfer(offset: number, value: bigint): void {
    if (this.busy) return
    if (offset === eduRegister.dmaSource) this.#source = value
    else if (offset === eduRegister.dmaDestination) this.#destination = value
    else if (offset === eduRegister.dmaCount) this.#count = value
    else if (offset === eduRegister.dmaCommand && (value & BigInt(eduDmaCommand.run)) !== 0n) {
      this.#command = value
      this.#epoch = this.#host.epoch
      this.#later(transferUs, () => this.#transfer())
    }
  }

  #transfer(): void {
    const isToMemory = (this.#command & BigInt(eduDmaCommand.toMemory)) !== 0n
    const inside = (isToMemory ? this.#source : this.#destination) - eduBuffer.start
    const isInside = inside >= 0n && inside + this.#count <= eduBuffer.size
    if (isInside && this.#count > 0n) {
      const at = Number(inside)
      const count = Number(this.#count)
      if (isToMemory) {
        this.#host.dmaWrite(this.#destination & dmaMask, this.#buffer.subarray(at, at + count), this.#epoch)
      } else {
        const data = this.#host.dmaRead(this.#source & dmaMask, count, this.#epoch)
        // What is not answered reads as all ones.
        if (data === undefined) this.#buffer.fill(0xff, at, at + count)
        else this.#buffer.set(data, at)
      }
    }
    const wantsInterrupt = (this.#command & BigInt(eduDmaCommand.interrupt)) !== 0n
    this.#command &= ~BigInt(eduDmaCommand.run)
    if (wantsInterrupt) this.#raise(interrupts.dma)
  }
}

function isAllowed(offset: number, width: RegisterWidth): boolean {
  return width === 4 || (width === 8 && offset >= wideFrom)
}

/** Has an edu write its buffer to memory: it lands 100 ms later. The buffer's contents are what it last read. */
export function startEduTransfer(fn: PhysicalFunction, request: DmaRequest): void {
  const registers = fn.regions[0]
  if (registers === undefined) {
    throw new QuiesceError('UNSUPPORTED', `Cannot start a transfer: ${fn.address} has no BAR 0`, { device: fn.address })
  }
  const set = (offset: number, value: bigint): void => writeRegister(registers, offset, 8, value)
  const length = BigInt(request.length ?? eduBuffer.size)
  set(eduRegister.dmaSource, eduBuffer.start)
  set(eduRegister.dmaDestination, request.iova)
  set(eduRegister.dmaCount, length < eduBuffer.size ? length : eduBuffer.size)
  set(eduRegister.dmaCommand, BigInt(eduDmaCommand.run | eduDmaCommand.toMemory))
}
