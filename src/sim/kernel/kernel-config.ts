import { hex } from '../../bits/hex.js'
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { AccessWidth, ConfigSpace } from '../../function/config-space.js'
import type { BarDeclaration } from '../../kit/config-declaration.js'
import { flagsOf } from '../../kit/config-layout.js'
import { AfControl, afOffset } from '../../pci/capabilities/af.js'
import { DeviceControl, pcieOffset } from '../../pci/capabilities/pcie.js'
import { PmControlStatus, pmOffset } from '../../pci/capabilities/pm.js'
import { capabilityId } from '../../pci/capability-ids.js'
import { Command } from '../../pci/command.js'
import { headerOffset } from '../../pci/header.js'
import type { KernelDevice } from './kernel-device.js'
import { runBlocking } from './kernel-process.js'
import { setPowerState } from './power-transition.js'
import { tryResetFunction } from './reset-ladder.js'
import { VirtualConfig } from './virtual-config.js'

/** Config space as the owner reaches it through VFIO. */
export class KernelConfig implements ConfigSpace {
  readonly size: number
  readonly #device: KernelDevice
  readonly #virtual: VirtualConfig

  constructor(device: KernelDevice) {
    this.#device = device
    this.#virtual = new VirtualConfig(device.hardware)
    this.size = device.hardware.config.size
  }

  read(offset: number, width: AccessWidth): number {
    const what = `read ${width} bytes of config space at ${hex(offset, 2)}`
    this.#check(offset, width, what)
    this.#device.guard('CONFIG_ACCESS', what)
    return this.#read(offset, width, what)
  }

  write(offset: number, width: AccessWidth, value: number): void {
    const what = `write ${width} bytes of config space at ${hex(offset, 2)}`
    this.#check(offset, width, what)
    const { hardware } = this.#device
    const entry = { kind: 'config-write', at: hardware.clock.now(), offset, width, value } as const
    let failed = true
    try {
      this.#device.guard('CONFIG_ACCESS', what)
      if (hardware.faults.get('config-write-error')) {
        throw this.#device.failure('CONFIG_ACCESS', `Cannot ${what}: the device did not take it`)
      }
      this.#write(offset, width, value, what)
      failed = false
    } finally {
      hardware.ledger.record({ ...entry, failed })
    }
  }

  #read(offset: number, width: AccessWidth, what: string): number {
    this.#assertReadable(what)
    return this.#virtual.read(offset, width, this.#device.hardware.readConfig(offset, width))
  }

  #assertReadable(what: string): void {
    if (!this.#device.hardware.faults.get('config-read-error')) return
    throw this.#device.failure('CONFIG_ACCESS', `Cannot ${what}: the device did not answer`)
  }

  #write(offset: number, width: AccessWidth, value: number, what: string): void {
    const reached = this.#virtual.write(offset, width, value)
    this.#maskBars(offset)
    if (reached !== 0) {
      // As the kernel does: the bits that are not the owner's to write are written back as they were read.
      this.#assertReadable(what)
      const raw = this.#device.hardware.readConfig(offset, width)
      const merged = ((raw & ~reached) | (value & reached)) >>> 0
      // The write is an access of its own: what the device does between the two is not flushed by the read.
      this.#device.hardware.clock.advance(this.#device.accessUs)
      this.#device.hardware.writeConfig(offset, width, merged, 'owner')
    }
    if (offset === headerOffset.command && this.#device.hardware.declaration.isVirtualFunction !== true) {
      this.#device.memoryEnabled = (value & Command.mask('memorySpace')) !== 0
    }
    if (offset === headerOffset.command) {
      const { intxDisable } = Command.decode(this.#virtual.get(headerOffset.command, 2))
      this.#device.onIntxDisable(intxDisable)
    }
    this.#actOnCapabilities(offset, width, value)
  }

  #actOnCapabilities(offset: number, width: AccessWidth, value: number): void {
    const device = this.#device
    const { capabilities } = device.hardware.config
    const pm = capabilities.get(capabilityId.pm)
    if (pm !== undefined && offset === pm + pmOffset.controlStatus) {
      setPowerState(device, offset, PmControlStatus.decode(value).powerState)
    }
    const pcie = capabilities.get(capabilityId.pcie)
    const asksForFlr =
      pcie !== undefined &&
      offset === pcie + pcieOffset.deviceControl &&
      width >= 2 &&
      device.hardware.hasFlr &&
      (value & DeviceControl.mask('initiateFlr')) !== 0
    const af = capabilities.get(capabilityId.af)
    const asksForAfFlr =
      af !== undefined && offset === af + afOffset.control && (value & AfControl.mask('initiateFlr')) !== 0
    // The kernel runs its own ladder instead, blocks the writer meanwhile, and forgets how it ended.
    if (asksForFlr || asksForAfFlr) runBlocking(tryResetFunction(device), device.hardware.clock, device.address)
  }

  /** BARs are virtual: the owner sees its own writes, without the bits that the size does not implement. */
  #maskBars(offset: number): void {
    if (offset < headerOffset.bar0 || offset >= headerOffset.bar0 + 24) return
    const { bars } = this.#device.hardware.declaration
    for (let index = 0; index <= 5; index++) {
      const at = headerOffset.bar0 + 4 * index
      const bar = bars.find((candidate) => candidate.index === index)
      if (bar !== undefined) this.#virtual.set(at, 4, sized(bar, this.#virtual.get(at, 4)))
      else if (!bars.some((candidate) => candidate.index === index - 1 && candidate.kind === 'memory64')) {
        this.#virtual.set(at, 4, 0)
      }
    }
  }

  #check(offset: number, width: AccessWidth, what: string): void {
    if (Number.isInteger(offset) && offset >= 0 && offset + width <= this.size && offset % width === 0) return
    throw new QuiesceError('CONFIG_ACCESS', `Cannot ${what}: out of range or not aligned`, {
      device: this.#device.address,
      errno: 14,
      errnoName: 'EFAULT',
    })
  }
}

function sized(bar: BarDeclaration, value: number): number {
  return ((value & ~(bar.size - 1)) | flagsOf(bar)) >>> 0
}
