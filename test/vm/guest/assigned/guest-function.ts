// In the guest's guest: a PCI function as its bus driver has it. Nothing here knows what is behind it: config accesses go to
// the assigned device, and BARs are reached where the guest has put them.
import type { AssignedDevice } from '../../../../src/device/assigned-device.js'
import type { AccessWidth } from '../../../../src/function/config-space.js'
import type { capabilityId } from '../../../../src/pci/capability-ids.js'
import { capabilityId as standardId } from '../../../../src/pci/capability-ids.js'
import { walkCapabilities, walkExtendedCapabilities } from '../../../../src/pci/capability-walk.js'
import { headerOffset } from '../../../../src/pci/header.js'
import type { TestVmm } from './test-vmm.js'

export interface GuestBar {
  readonly index: number
  readonly kind: 'memory' | 'io'
  readonly is64Bit: boolean
  readonly size: bigint
}

export const commandBit = { ioSpace: 0x1, memorySpace: 0x2, busMaster: 0x4, intxDisable: 0x400 } as const

const firstMemoryAddress = 0xe000_0000n
const firstPort = 0xc000n

export class GuestFunction {
  readonly address: string
  readonly config: {
    readonly size: number
    read(offset: number, width: AccessWidth): number
    write(offset: number, width: AccessWidth, value: number): void
  }
  /** By BAR; accesses go where the guest has put it. */
  readonly regions: readonly {
    read(offset: bigint, into: Uint8Array): void
    write(offset: bigint, from: Uint8Array): void
  }[]
  readonly #vmm: TestVmm
  readonly #placed = new Map<number, { readonly bar: GuestBar; readonly address: bigint }>()

  constructor(device: AssignedDevice, vmm: TestVmm) {
    this.address = device.address
    this.#vmm = vmm
    this.config = {
      size: 4096,
      read: (offset, width) => device.readConfig(offset, width),
      write: (offset, width, value) => device.writeConfig(offset, width, value),
    }
    this.regions = Array.from({ length: 6 }, (_, index) => ({
      read: (offset, into) => {
        vmm.read(this.#space(index), this.addressOf(index) + offset, into)
      },
      write: (offset, from) => {
        vmm.write(this.#space(index), this.addressOf(index) + offset, from)
      },
    }))
  }

  get ids(): string {
    const hex = (offset: number) => this.config.read(offset, 2).toString(16).padStart(4, '0')
    return `${hex(headerOffset.vendorId)}:${hex(headerOffset.deviceId)}`
  }

  get command(): number {
    return this.config.read(headerOffset.command, 2)
  }

  set command(value: number) {
    this.config.write(headerOffset.command, 2, value)
  }

  /** Ids of both lists, in the order in which the guest meets them. */
  get capabilities(): { readonly standard: number[]; readonly extended: number[]; readonly problem?: string } {
    const standard = walkCapabilities(this.config)
    const extended = walkExtendedCapabilities(this.config)
    const problem = standard.problem ?? extended.problem
    return {
      standard: standard.entries.map(({ id }) => id),
      extended: extended.entries.map(({ id }) => id),
      ...(problem === undefined ? {} : { problem }),
    }
  }

  /** Where a standard capability is. */
  find(name: keyof typeof capabilityId): number {
    const found = walkCapabilities(this.config).entries.find(({ id }) => id === standardId[name])
    if (found === undefined) throw new Error(`${this.address} shows no ${name}`)
    return found.offset
  }

  /** Sizes every BAR, with accesses of this width, and leaves it as it was (PCI 3.0, 6.2.5.1). */
  sizeBars(width: AccessWidth = 4): GuestBar[] {
    const bars: GuestBar[] = []
    for (let index = 0; index < 6; index++) {
      const low = this.#sizeDword(index, width)
      if (low === 0) continue
      const isIo = (low & 1) !== 0
      const is64Bit = !isIo && (low & 6) === 4
      const high = is64Bit ? this.#sizeDword(index + 1, width) : 0xffff_ffff
      const mask = (BigInt(high) << 32n) | BigInt((low & (isIo ? ~3 : ~0xf)) >>> 0)
      bars.push({ index, kind: isIo ? 'io' : 'memory', is64Bit, size: BigInt.asUintN(64, -mask) })
      if (is64Bit) index++
    }
    return bars
  }

  /** Puts a BAR somewhere. */
  place(bar: GuestBar, address: bigint): void {
    const at = headerOffset.bar0 + 4 * bar.index
    this.config.write(at, 4, Number(address & 0xffff_ffffn))
    if (bar.is64Bit) this.config.write(at + 4, 4, Number(address >> 32n))
    this.#placed.set(bar.index, { bar, address })
  }

  /** What firmware does: sizes every BAR, gives each an address, and switches on what `command` says. */
  enumerate(command: number = commandBit.memorySpace | commandBit.busMaster): GuestBar[] {
    const bars = this.sizeBars()
    const next = { memory: firstMemoryAddress, io: firstPort }
    for (const bar of [...bars].sort((a, b) => (a.size < b.size ? 1 : -1))) {
      this.place(bar, next[bar.kind])
      next[bar.kind] += bar.size
    }
    this.command = command
    return bars
  }

  /** Where the guest has put a BAR. */
  addressOf(index: number): bigint {
    const placed = this.#placed.get(index)
    if (placed === undefined) throw new Error(`BAR ${index} of ${this.address} has no address yet`)
    return placed.address
  }

  /** Whether anything answers at the place of a BAR. */
  isThere(index: number): boolean {
    return this.#vmm.read(this.#space(index), this.addressOf(index), new Uint8Array(4))
  }

  read32(index: number, offset: bigint): number {
    const bytes = new Uint8Array(4)
    this.regions[index]?.read(offset, bytes)
    return new DataView(bytes.buffer).getUint32(0, true)
  }

  write32(index: number, offset: bigint, value: number): void {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, value >>> 0, true)
    this.regions[index]?.write(offset, bytes)
  }

  #space(index: number): 'memory' | 'port' {
    return this.#placed.get(index)?.bar.kind === 'io' ? 'port' : 'memory'
  }

  #sizeDword(index: number, width: AccessWidth): number {
    const at = headerOffset.bar0 + 4 * index
    const before = this.config.read(at, 4)
    const ones = 2 ** (8 * width) - 1
    for (let lane = 0; lane < 4; lane += width) this.config.write(at + lane, width, ones)
    const sized = this.config.read(at, 4)
    this.config.write(at, 4, before)
    return sized
  }
}
