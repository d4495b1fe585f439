import { QuiesceError } from '../../errors/quiesce-error.js'
import type { Region } from '../../function/region.js'
import type { BarDeclaration } from '../../kit/config-declaration.js'
import type { RegisterWidth } from '../../kit/device-model.js'
import type { KernelDevice } from './kernel-device.js'

const widths: readonly number[] = [1, 2, 4, 8]

/** A BAR as the owner reaches it through VFIO: EIO while memory decoding is off or the device is not in D0. */
export class KernelRegion implements Region {
  readonly index: number
  readonly size: bigint
  readonly readable = true
  readonly writable = true
  readonly mappable: Region['mappable'] = []
  readonly file: Region['file'] = undefined
  readonly share: Region['share'] = undefined
  readonly #device: KernelDevice
  readonly #bar: BarDeclaration

  constructor(device: KernelDevice, bar: BarDeclaration) {
    this.#device = device
    this.#bar = bar
    this.index = bar.index
    this.size = BigInt(bar.size)
  }

  read(offset: bigint, into: Uint8Array): void {
    const width = this.#begin('read', offset, into.length)
    const value = this.#device.hardware.readBar(this.index, Number(offset), width)
    for (let i = 0; i < width; i++) into[i] = Number((value >> BigInt(8 * i)) & 0xffn)
  }

  write(offset: bigint, from: Uint8Array): void {
    const width = this.#begin('write', offset, from.length)
    let value = 0n
    for (let i = 0; i < width; i++) value |= BigInt(from[i] ?? 0) << BigInt(8 * i)
    this.#device.hardware.writeBar(this.index, Number(offset), width, value)
  }

  #begin(verb: string, offset: bigint, length: number): RegisterWidth {
    const what = `${verb} ${length} bytes of region ${this.index} at 0x${offset.toString(16)}`
    const isInside = offset >= 0n && offset + BigInt(length) <= this.size
    if (!isInside || !widths.includes(length) || offset % BigInt(length) !== 0n) {
      throw new QuiesceError('REGION_ACCESS', `Cannot ${what}: out of range or not aligned`, {
        device: this.#device.address,
        errno: 22,
        errnoName: 'EINVAL',
      })
    }
    this.#device.guard('REGION_ACCESS', what)
    const isMemory = this.#bar.kind !== 'io'
    const isVirtualFunction = this.#device.hardware.declaration.isVirtualFunction === true
    if (this.#device.powerState !== 0) throw this.#device.failure('REGION_ACCESS', `Cannot ${what}: not in D0`)
    if (isMemory && !isVirtualFunction && !this.#device.memoryEnabled) {
      throw this.#device.failure('REGION_ACCESS', `Cannot ${what}: memory decoding is off`)
    }
    return length as RegisterWidth
  }
}
