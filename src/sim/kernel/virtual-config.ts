// What VFIO keeps a copy of (drivers/vfio/pci/vfio_pci_config.c): which bits of config space the owner sees from the
// kernel's copy and not from the device, and which bits its writes reach at all.

import type { AccessWidth } from '../../function/config-space.js'
import { flagsOf } from '../../kit/config-layout.js'
import { pcieOffset } from '../../pci/capabilities/pcie.js'
import { pmOffset } from '../../pci/capabilities/pm.js'
import { capabilityId } from '../../pci/capability-ids.js'
import { Command } from '../../pci/command.js'
import { headerOffset } from '../../pci/header.js'
import type { SimulatedHardware } from '../simulated-hardware.js'

export class VirtualConfig {
  readonly size: number
  readonly #copy: Uint8Array
  readonly #virtual: Uint8Array
  readonly #writable: Uint8Array

  constructor(hardware: SimulatedHardware) {
    const { config, declaration } = hardware
    this.size = config.size
    this.#copy = config.snapshot()
    this.#virtual = new Uint8Array(config.size)
    this.#writable = new Uint8Array(config.size)
    const isVirtualFunction = declaration.isVirtualFunction === true
    this.#permit(headerOffset.vendorId, 4, 0xffff_ffff, 0)
    const memorySpace = isVirtualFunction ? Command.mask('memorySpace') : 0
    this.#permit(headerOffset.command, 2, Command.mask('intxDisable') | memorySpace, 0xffff)
    if (isVirtualFunction) this.set(headerOffset.command, 2, memorySpace)
    this.#permit(0x0c, 2, 0, 0xffff)
    for (let bar = 0; bar <= 5; bar++) this.#permit(headerOffset.bar0 + 4 * bar, 4, 0xffff_ffff, 0xffff_ffff)
    for (const bar of declaration.bars) {
      const at = headerOffset.bar0 + 4 * bar.index
      this.set(at, 4, ((bar.address % 2 ** 32) | flagsOf(bar)) >>> 0)
      if (bar.kind === 'memory64') this.set(at + 4, 4, Math.floor(bar.address / 2 ** 32))
    }
    this.#permit(0x30, 4, 0xffff_ffff, 0)
    this.#permit(headerOffset.capabilities, 1, 0xff, 0)
    this.#permit(headerOffset.interruptLine, 1, 0xff, 0xff)
    for (const [id, at] of config.capabilities) {
      this.#permit(at + 1, 1, 0xff, 0)
      if (id === capabilityId.pm) {
        // The kernel owns PME, and the power state changes by its hand only.
        this.#permit(at + pmOffset.capabilities, 2, 0xf800, 0)
        this.#permit(at + pmOffset.controlStatus, 2, 0x8100, 0)
      }
      // Every bit but Initiate FLR, which runs the kernel's ladder.
      if (id === capabilityId.pcie) this.#permit(at + pcieOffset.deviceControl, 2, 0, 0x7fff)
    }
  }

  /** What the owner reads where the device says `raw`. */
  read(offset: number, width: AccessWidth, raw: number): number {
    const virtual = this.#mask(this.#virtual, offset, width)
    return ((raw & ~virtual) | (this.#mask(this.#copy, offset, width) & virtual)) >>> 0
  }

  /** Takes a write into the copy; returns the bits that are the device's to take. */
  write(offset: number, width: AccessWidth, value: number): number {
    const writable = this.#mask(this.#writable, offset, width)
    const virtual = this.#mask(this.#virtual, offset, width)
    const kept = this.#mask(this.#copy, offset, width)
    const mine = writable & virtual
    this.set(offset, width, (kept & ~mine) | (value & mine))
    return (writable & ~virtual) >>> 0
  }

  set(offset: number, width: AccessWidth, value: number): void {
    for (let i = 0; i < width; i++) this.#copy[offset + i] = (value >>> (8 * i)) & 0xff
  }

  get(offset: number, width: AccessWidth): number {
    return this.#mask(this.#copy, offset, width)
  }

  #permit(offset: number, width: AccessWidth, virtual: number, writable: number): void {
    for (let i = 0; i < width; i++) {
      this.#virtual[offset + i] = (virtual >>> (8 * i)) & 0xff
      this.#writable[offset + i] = (writable >>> (8 * i)) & 0xff
    }
  }

  #mask(bytes: Uint8Array, offset: number, width: number): number {
    let value = 0
    for (let i = 0; i < width; i++) value += (bytes[offset + i] ?? 0) * 2 ** (8 * i)
    return value
  }
}
