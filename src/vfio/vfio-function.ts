import { QuiesceError } from '../errors/quiesce-error.js'
import type { Clock } from '../function/clock.js'
import type { ContainmentOutcome, HotResetScope, KernelOutcome } from '../function/kernel-outcome.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import { type Region, regionIndex } from '../function/region.js'
import { pciDevicePath, readLinkName } from '../host/sysfs-attribute.js'
import { blockingIoctl } from '../linux/blocking-ioctl.js'
import { errnoName } from '../linux/errno.js'
import { ioctl, ioctlName, tryIoctl } from '../linux/ioctl.js'
import { systemCallError } from '../linux/system-call-error.js'
import { vfioConstant } from './abi/constants.js'
import { vfioIoctl } from './abi/ioctls.js'
import { DeviceInfo, RegionInfo } from './abi/vfio-structs.js'
import type { Attachment } from './attachment.js'
import { closeDevice } from './close-device.js'
import { VfioConfigSpace } from './config-space.js'
import { hasFeature, probeFeatures, type SupportedFeature } from './device-features.js'
import type { DeviceGate } from './device-gate.js'
import { VfioDmaSpace } from './dma-space.js'
import { encodeHotReset, queryHotResetInfo } from './hot-reset.js'
import { readInterruptInfos } from './interrupt-info.js'
import { VfioInterrupts } from './interrupts.js'
import { refusal } from './kernel-outcomes.js'
import { machineClock } from './machine-clock.js'
import { infoIoctl, queryInfo } from './query-info.js'
import { VfioRegion } from './region.js'
import { parseRegionInfo, type VfioRegionInfo } from './region-info.js'
import type { ResetsUnderWay } from './resets-under-way.js'
import { encodeVfToken } from './vf-token.js'
import type { VfioPaths } from './vfio-paths.js'

/** What a function needs of its owner. */
export interface FunctionHolder {
  readonly paths: VfioPaths
  readonly resets: ResetsUnderWay
  /** The function is closed, and let go of. */
  release(address: string): void
}

/** A PCI function of the kernel's VFIO, by group or by character device. Made by `VfioOwnership.open`. */
export class VfioFunction implements PhysicalFunction, AsyncDisposable {
  readonly address: string
  readonly backend: Attachment['backend']
  readonly isVirtualFunction: boolean
  readonly clock: Clock = machineClock
  readonly config: VfioConfigSpace
  readonly interrupts: VfioInterrupts
  readonly dma: VfioDmaSpace
  readonly canReset: boolean
  readonly #gate: DeviceGate
  readonly #attachment: Attachment
  readonly #holder: FunctionHolder
  readonly #regionCount: number
  readonly #sharesRegions: boolean
  #regions: readonly (VfioRegion | undefined)[] | undefined
  #closing: Promise<void> | undefined
  #released = false

  /** Takes over the gate's descriptor; closes nothing if it throws. */
  constructor(gate: DeviceGate, attachment: Attachment, holder: FunctionHolder) {
    const { address } = gate
    const info = DeviceInfo.encode({ argsz: DeviceInfo.size })
    ioctl(`open ${address}`, gate.file.fd, vfioIoctl.VFIO_DEVICE_GET_INFO, info)
    const { flags, num_regions } = DeviceInfo.decode(info)
    const configRegion = readRegionInfo(gate, regionIndex.config)
    if ((flags & vfioConstant.VFIO_DEVICE_FLAGS_PCI) === 0 || configRegion === undefined) {
      throw new QuiesceError('UNSUPPORTED', `Cannot open ${address}: VFIO does not offer it as a PCI device`, {
        device: address,
      })
    }
    this.address = address
    this.canReset = (flags & vfioConstant.VFIO_DEVICE_FLAGS_RESET) !== 0
    this.isVirtualFunction = readLinkName(`${pciDevicePath(holder.paths.sysfs, address)}/physfn`) !== undefined
    this.config = new VfioConfigSpace(gate, configRegion.start, Number(configRegion.size))
    this.interrupts = new VfioInterrupts(gate, readInterruptInfos(gate.file.fd))
    this.#sharesRegions = hasFeature(
      (bytes) => tryIoctl(gate.file.fd, vfioIoctl.VFIO_DEVICE_FEATURE, bytes),
      'DMA_BUF',
      'get',
    )
    this.dma = new VfioDmaSpace(address, attachment.domain, this.#sharesRegions)
    this.backend = attachment.backend
    this.#gate = gate
    this.#attachment = attachment
    this.#holder = holder
    this.#regionCount = num_regions
  }

  get regions(): readonly (Region | undefined)[] {
    this.#regions ??= Array.from({ length: this.#regionCount }, (_, index) => {
      if (index === regionIndex.config) return undefined
      const info = readRegionInfo(this.#gate, index)
      return info === undefined || info.size === 0n ? undefined : new VfioRegion(this.#gate, info, this.#sharesRegions)
    })
    return this.#regions
  }

  /** What kernel and device can do beyond the basics. */
  features(): readonly SupportedFeature[] {
    const fd = this.#gate.enter('read features', 'BUSY')
    return probeFeatures((bytes) => tryIoctl(fd, vfioIoctl.VFIO_DEVICE_FEATURE, bytes))
  }

  /**
   * Sets the secret without which no virtual function of this one can be opened, nor this one while they are in use.
   * @param token a UUID, as 00112233-4455-6677-8899-aabbccddeeff
   * @throws QuiesceError `USAGE` if it is no UUID, `UNSUPPORTED` if it is no physical function with SR-IOV
   */
  setVfToken(token: string): void {
    const argument = encodeVfToken(token)
    const action = 'set the VF token'
    const command = vfioIoctl.VFIO_DEVICE_FEATURE
    const result = tryIoctl(this.#gate.enter(action, 'BUSY'), command, argument)
    if (result.ok) return
    throw systemCallError(
      { action: `${action} of ${this.address}`, syscall: ioctlName(command), errno: result.errno },
      {
        device: this.address,
        code: 'UNSUPPORTED',
        hint: 'Only a physical function with SR-IOV has one',
      },
    )
  }

  async reset(): Promise<KernelOutcome> {
    if (this.#gate.isResetting) return stillResetting
    using _ = this.#holder.resets.begin([this.address])
    const result = await blockingIoctl(this.#gate.file, vfioIoctl.VFIO_DEVICE_RESET)
    return result.ok ? { ok: true } : refusal('reset', result.errno)
  }

  hotResetScope(): HotResetScope {
    // The kernel answers under the lock that a reset of the bus holds: the call would not return before it ends.
    if (this.#gate.isResetting) return stillResetting
    const info = this.#hotResetInfo()
    if (!info.ok) return refusal('hot-reset-info', info.errno)
    const { paths } = this.#holder
    return {
      ok: true,
      affected: info.functions.map((dependent) => ({
        address: dependent.address,
        owned: this.#attachment.owns(dependent),
        driver: readLinkName(`${pciDevicePath(paths.sysfs, dependent.address)}/driver`),
      })),
    }
  }

  async hotReset(): Promise<KernelOutcome> {
    if (this.#gate.isResetting) return stillResetting
    const info = this.#hotResetInfo()
    if (!info.ok) return refusal('hot-reset-info', info.errno)
    const addresses = info.functions.map(({ address }) => address)
    if (addresses.some((address) => this.#holder.resets.has(address))) return stillResetting
    using proof = this.#attachment.prove(info.functions)
    using _ = this.#holder.resets.beginHotReset(addresses)
    const argument = encodeHotReset(proof.groupFds)
    const result = await blockingIoctl(this.#gate.file, vfioIoctl.VFIO_DEVICE_PCI_HOT_RESET, argument)
    return result.ok ? { ok: true } : refusal('hot-reset', result.errno)
  }

  #hotResetInfo() {
    const { fd } = this.#gate.file
    return queryHotResetInfo((bytes) => tryIoctl(fd, vfioIoctl.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, bytes))
  }

  contain(): ContainmentOutcome {
    this.#assertHeld('contain')
    return this.#attachment.contain()
  }

  readmit(): KernelOutcome {
    this.#assertHeld('readmit')
    if (this.#gate.isResetting) return stillResetting
    return this.#attachment.readmit()
  }

  /** A device that is disposed in the middle of a reset is ours until that ends, and can be contained until then. */
  #assertHeld(action: string): void {
    if (!this.#released) return
    throw new QuiesceError('CLOSED', `Cannot ${action} ${this.address}: it is closed`, { device: this.address })
  }

  /** Whether it was disposed. */
  get isClosed(): boolean {
    return this.#closing !== undefined
  }

  /**
   * Closes the device and lets go of it. The kernel resets a device at its last close, which may take long. While it is
   * being reset it is closed off the event loop, and its mappings and its group go when the reset has ended.
   */
  [Symbol.dispose](): void {
    if (this.isClosed) return
    if (this.#gate.isResetting) {
      this.#closing = this.#close()
      // Nobody is left to tell. The group is let go of all the same, and what is still mapped ends with the container.
      this.#closing.catch(() => {})
      return
    }
    this.#closing = Promise.resolve()
    this.interrupts.close(true)
    this.#gate.file[Symbol.dispose]()
    this.#release()
  }

  /** As dispose, but the event loop stays free while the kernel closes the device. Settles when it has. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // A device that is being reset would hold the call up; its interrupts go with its last descriptor.
    this.interrupts.close(!this.#gate.isResetting)
    try {
      await closeDevice(this.#gate)
    } finally {
      this.#release()
    }
  }

  #release(): void {
    this.#released = true
    try {
      // The device is closed, and with it silent: now its mappings can go.
      this.dma.unmapOwn()
    } finally {
      this.#attachment.release()
      this.#holder.release(this.address)
    }
  }
}

/** Not left to the kernel: a second thread would only wait behind the first. */
const stillResetting = {
  ok: false,
  errno: 'EBUSY',
  message: 'an earlier reset of this device has not ended',
} as const satisfies KernelOutcome

/** `undefined` where the device has no such region (EINVAL: VGA, on most). */
function readRegionInfo(gate: DeviceGate, index: number): VfioRegionInfo | undefined {
  const command = vfioIoctl.VFIO_DEVICE_GET_REGION_INFO
  const fd = gate.enter(`read region ${index}`, 'REGION_ACCESS')
  const result = queryInfo(RegionInfo, infoIoctl(fd, command), (bytes) => RegionInfo.encode({ index }, bytes))
  if (result.ok) return parseRegionInfo(result.bytes)
  if (errnoName(result.errno) === 'EINVAL') return undefined
  throw systemCallError(
    { action: `read region ${index} of ${gate.address}`, syscall: ioctlName(command), errno: result.errno },
    { device: gate.address },
  )
}
