import { hex } from '../bits/hex.js'
import { QuiesceError } from '../errors/quiesce-error.js'
import { type Region, type RegionArea, regionIndex, type SharedArea } from '../function/region.js'
import { readAt, type TransferResult, writeAt } from '../linux/positioned-io.js'
import type { DeviceGate } from './device-gate.js'
import type { VfioRegionInfo } from './region-info.js'
import { shareRegion } from './region-share.js'
import { transferError } from './transfer-error.js'

const widths: ReadonlySet<number> = new Set([1, 2, 4, 8])

/**
 * A BAR or the ROM, by pread and pwrite. Never by mmap: touching a mapping while memory decoding is off or the device
 * sleeps raises SIGBUS, where these answer EIO.
 */
export class VfioRegion implements Region {
  readonly index: number
  readonly size: bigint
  readonly readable: boolean
  readonly writable: boolean
  readonly mappable: readonly RegionArea[]
  readonly share: ((area: RegionArea) => SharedArea) | undefined
  readonly #gate: DeviceGate
  readonly #start: bigint

  /** @param canShare whether the kernel makes dma-bufs of the device's BARs */
  constructor(gate: DeviceGate, info: VfioRegionInfo, canShare: boolean) {
    this.index = info.index
    this.size = info.size
    this.readable = info.readable
    this.writable = info.writable
    this.mappable = info.mappable
    const isShareable = canShare && info.index < regionIndex.rom && info.mappable.length > 0
    this.share = isShareable ? (area) => shareRegion(gate, info.index, area) : undefined
    this.#gate = gate
    this.#start = info.start
  }

  get file(): { readonly fd: number; readonly offset: bigint } | undefined {
    if (this.mappable.length === 0) return undefined
    return { fd: this.#gate.enter(`share region ${this.index}`, 'REGION_ACCESS'), offset: this.#start }
  }

  read(offset: bigint, into: Uint8Array): void {
    const action = `read region ${this.index} at ${hex(offset, 1)}`
    const fd = this.#enter(action, offset, into.byteLength, this.readable)
    this.#check(readAt(fd, this.#start + offset, into), action, 'pread', into.byteLength)
  }

  write(offset: bigint, from: Uint8Array): void {
    const action = `write region ${this.index} at ${hex(offset, 1)}`
    const fd = this.#enter(action, offset, from.byteLength, this.writable)
    this.#check(writeAt(fd, this.#start + offset, from), action, 'pwrite', from.byteLength)
  }

  #enter(action: string, offset: bigint, width: number, allowed: boolean): number {
    const { address } = this.#gate
    const refuse = (detail: string) =>
      new QuiesceError('REGION_ACCESS', `Cannot ${action} of ${address}: ${detail}`, { device: address })
    if (!allowed) throw refuse('the kernel does not let it')
    if (!widths.has(width)) throw refuse(`accesses are of 1, 2, 4 or 8 bytes, not ${width}`)
    if (offset < 0n || offset + BigInt(width) > this.size) throw refuse(`it has ${this.size} bytes`)
    if (offset % BigInt(width) !== 0n) throw refuse(`${width} bytes there are not naturally aligned`)
    return this.#gate.enter(action, 'REGION_ACCESS')
  }

  #check(result: TransferResult, action: string, syscall: string, width: number): void {
    if (!result.ok) throw transferError('REGION_ACCESS', this.#gate.address, action, syscall, width, result)
  }
}
