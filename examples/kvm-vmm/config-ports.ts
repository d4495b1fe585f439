// PCI configuration by ports 0xCF8 and 0xCFC (PCI 3.0, 3.2.2.3.2): a bus 0 with devices in its slots.
import type { AccessHandler } from '../../src/device/vmm.js'
import type { AccessWidth } from '../../src/function/config-space.js'

/** What sits in a slot: an `AssignedDevice` is one. */
export interface ConfigDevice {
  readConfig(offset: number, width: AccessWidth): number
  writeConfig(offset: number, width: AccessWidth, value: number): void
}

export const configPorts = { first: 0xcf8n, size: 8n } as const
/** The data port, seen from the first. */
const data = 4n

const widths: readonly AccessWidth[] = [1, 2, 4]

/** Offsets count from 0xCF8. */
export class ConfigPorts implements AccessHandler {
  readonly slots = new Map<number, ConfigDevice>()
  readonly #address = new Uint8Array(4)

  read(offset: bigint, into: Uint8Array): void {
    const width = widths.find((each) => each === into.length)
    into.fill(0xff)
    if (width === undefined) return
    if (offset < data) {
      into.set(this.#address.subarray(Number(offset), Number(offset) + width))
      return
    }
    const { device, register } = this.#selected(offset)
    const value = device?.readConfig(register, width) ?? 0xffff_ffff
    for (let i = 0; i < width; i++) into[i] = value >>> (8 * i)
  }

  write(offset: bigint, from: Uint8Array): void {
    const width = widths.find((each) => each === from.length)
    if (width === undefined) return
    if (offset < data) {
      // Only as a whole: bytes of it are other devices' ports on a real machine.
      if (offset === 0n && width === 4) this.#address.set(from)
      return
    }
    const { device, register } = this.#selected(offset)
    let value = 0
    for (let i = 0; i < width; i++) value |= (from[i] ?? 0) << (8 * i)
    device?.writeConfig(register, width, value >>> 0)
  }

  #selected(offset: bigint): { device: ConfigDevice | undefined; register: number } {
    const [register = 0, devfn = 0, bus = 0, enable = 0] = this.#address
    const isThere = enable === 0x80 && bus === 0 && (devfn & 7) === 0
    return {
      device: isThere ? this.slots.get(devfn >> 3) : undefined,
      register: (register & 0xfc) + Number(offset - data),
    }
  }
}
