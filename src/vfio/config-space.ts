import { hex } from '../bits/hex.js'
import { QuiesceError } from '../errors/quiesce-error.js'
import type { AccessWidth, ConfigSpace } from '../function/config-space.js'
import { readAt, type TransferResult, writeAt } from '../linux/positioned-io.js'
import type { DeviceGate } from './device-gate.js'
import { transferError } from './transfer-error.js'

/** Configuration space through VFIO's config region, where the kernel virtualizes some of it. */
export class VfioConfigSpace implements ConfigSpace {
  readonly size: number
  readonly #gate: DeviceGate
  readonly #start: number
  readonly #bytes = new Uint8Array(4)
  readonly #view = new DataView(this.#bytes.buffer)
  readonly #spans = [undefined, this.#bytes.subarray(0, 1), this.#bytes.subarray(0, 2), undefined, this.#bytes] as const

  /** @param start where the region begins in the device's file */
  constructor(gate: DeviceGate, start: bigint, size: number) {
    this.#gate = gate
    // Exact: regions begin at index << 40, far below 2^53. Numbers cross the FFI faster.
    this.#start = Number(start)
    this.size = size
  }

  read(offset: number, width: AccessWidth): number {
    const action = `read config space at ${hex(offset, 2)}`
    const span = this.#span(action, offset, width)
    const fd = this.#gate.enter(action, 'CONFIG_ACCESS')
    this.#check(readAt(fd, this.#start + offset, span), action, 'pread', width)
    return width === 1
      ? this.#view.getUint8(0)
      : width === 2
        ? this.#view.getUint16(0, true)
        : this.#view.getUint32(0, true)
  }

  write(offset: number, width: AccessWidth, value: number): void {
    const action = `write config space at ${hex(offset, 2)}`
    const span = this.#span(action, offset, width)
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (width * 8)) {
      throw this.#misuse(action, `${value} does not fit in ${width} bytes`)
    }
    const fd = this.#gate.enter(action, 'CONFIG_ACCESS')
    this.#view.setUint32(0, value, true)
    this.#check(writeAt(fd, this.#start + offset, span), action, 'pwrite', width)
  }

  #span(action: string, offset: number, width: AccessWidth): Uint8Array {
    const span = this.#spans[width]
    if (span === undefined) throw this.#misuse(action, `${width} is not an access width`)
    const inside = Number.isInteger(offset) && offset >= 0 && offset + width <= this.size
    if (!inside) throw this.#misuse(action, `it has ${this.size} bytes`)
    if ((offset % 4) + width > 4) throw this.#misuse(action, `${width} bytes there cross a dword`)
    return span
  }

  #misuse(action: string, detail: string): QuiesceError {
    const { address } = this.#gate
    return new QuiesceError('CONFIG_ACCESS', `Cannot ${action} of ${address}: ${detail}`, { device: address })
  }

  #check(result: TransferResult, action: string, syscall: string, width: number): void {
    if (!result.ok) throw transferError('CONFIG_ACCESS', this.#gate.address, action, syscall, width, result)
  }
}
