// What this process owns of the machine's VFIO: groups, the containers that they share, and the devices opened in them.
import { QuiesceError } from '../errors/quiesce-error.js'
import { blockerError, findBlockers } from '../host/assignability.js'
import { readAssignabilityFacts } from '../host/assignability-facts.js'
import { readPciSummary } from '../host/pci-device.js'
import { readVfioAvailability } from '../host/vfio-availability.js'
import { blockingIoctl, closeBlocking } from '../linux/blocking-ioctl.js'
import { errnoName } from '../linux/errno.js'
import { FileDescriptor } from '../linux/file-descriptor.js'
import { ioctlName } from '../linux/ioctl.js'
import { vfioIoctl } from './abi/ioctls.js'
import { VfioContainer } from './container.js'
import { DeviceGate } from './device-gate.js'
import { VfioGroup } from './group.js'
import { machineClock } from './machine-clock.js'
import { openError } from './open-errors.js'
import { ResetsUnderWay } from './resets-under-way.js'
import { type FunctionHolder, VfioFunction } from './vfio-function.js'
import { machinePaths, type VfioPaths } from './vfio-paths.js'

export interface VfioOwnershipOptions {
  /**
   * Whether devices of different groups may share a container, as QEMU's do: memory is then pinned and mapped once for
   * all of them, and containing one contains all. Default true.
   */
  readonly shareContainers?: boolean
  readonly paths?: VfioPaths
}

/**
 * How long opening waits for another reset on the device's bus, which makes the kernel answer EAGAIN, and for the device
 * itself, where it was disposed in the middle of a reset.
 */
const contendedOpenMs = 2000

/** Owns groups and containers for as long as a device of theirs is open. Disposing it closes every device. */
export class VfioOwnership implements Disposable {
  readonly #paths: VfioPaths
  readonly #shareContainers: boolean
  readonly #groups = new Map<string, VfioGroup>()
  readonly #containers = new Set<VfioContainer>()
  readonly #open = new Map<string, { readonly group: VfioGroup; fn: VfioFunction | undefined }>()
  readonly #resets = new ResetsUnderWay()
  #disposed = false

  constructor(options: VfioOwnershipOptions = {}) {
    this.#paths = options.paths ?? machinePaths
    this.#shareContainers = options.shareContainers ?? true
  }

  /** The devices that are open. */
  get functions(): readonly VfioFunction[] {
    return [...this.#open.values()].flatMap(({ fn }) => (fn === undefined || fn.isClosed ? [] : fn))
  }

  /**
   * Opens a device, given in full form. The kernel resets it while it opens it, off the event loop.
   * @throws QuiesceError `NO_DEVICE`, `NO_IOMMU`, `NO_VFIO`, `WRONG_DRIVER`, `GROUP_NOT_VIABLE`, `BUSY`, `PERMISSION`,
   * `CLOSED` if this was disposed, also meanwhile
   */
  async open(address: string): Promise<VfioFunction> {
    await this.#closed(address)
    this.#assertUsable(address)
    const other = this.#open.get(address)
    if (other !== undefined) {
      const detail = other.fn?.isClosed ? 'closing it waits for a reset that has not ended' : 'this process has it open'
      throw new QuiesceError('BUSY', `Cannot open ${address}: ${detail}`, { device: address })
    }
    const group = this.#acquireGroup(address, this.#findGroup(address))
    const entry = { group, fn: undefined as VfioFunction | undefined }
    this.#open.set(address, entry)
    try {
      const file = await this.#openDevice(address, group)
      try {
        // A reset of its bus may have ended in the kernel, which let the device be opened, but not yet here.
        await this.#resets.ended(address)
        this.#assertUsable(address)
        const container = containerOf(group)
        entry.fn = new VfioFunction(new DeviceGate(address, file, this.#resets), container, this.#holder)
        container.devices.add(address)
        return entry.fn
      } catch (error) {
        // Its last close, which resets it.
        await closeBlocking(file)
        throw error
      }
    } catch (error) {
      this.#release(address)
      throw error
    }
  }

  /** Also of those that are being opened: their `open` closes them, and rejects. */
  [Symbol.dispose](): void {
    this.#disposed = true
    for (const fn of this.functions) fn[Symbol.dispose]()
  }

  readonly #holder: FunctionHolder = (() => {
    const ownership = this
    return {
      get paths() {
        return ownership.#paths
      },
      resets: ownership.#resets,
      ownsGroup: (id) => ownership.#groups.has(id),
      holdGroups: (ids) => ownership.#holdGroups(ids),
      release: (address) => ownership.#release(address),
    }
  })()

  #assertUsable(address: string): void {
    if (!this.#disposed) return
    throw new QuiesceError('CLOSED', `Cannot open ${address}: its owner was disposed`, { device: address })
  }

  /** Waits for a device that was disposed in the middle of a reset, though not for ever. */
  async #closed(address: string): Promise<void> {
    const fn = this.#open.get(address)?.fn
    if (!fn?.isClosed) return
    const enough = new AbortController()
    const closed = fn[Symbol.asyncDispose]().finally(() => enough.abort())
    await Promise.race([closed, machineClock.sleep(contendedOpenMs, enough.signal)]).catch(() => {})
  }

  /** The group's number, once nothing that can be seen from outside stands in the way. */
  #findGroup(address: string): string {
    const { sysfs, dev } = this.#paths
    const device = readPciSummary(sysfs, address)
    if (device === undefined) {
      throw new QuiesceError('NO_DEVICE', `Cannot open ${address}: there is no such PCI device`, { device: address })
    }
    const facts = readAssignabilityFacts(device, readVfioAvailability(sysfs, dev), sysfs, dev)
    const [blocker] = findBlockers(facts)
    if (blocker !== undefined) throw blockerError('open', address, blocker)
    if (facts.group === undefined) {
      throw new QuiesceError('NO_IOMMU', `Cannot open ${address}: it is in no IOMMU group`, { device: address })
    }
    return facts.group.group
  }

  #acquireGroup(address: string, id: string): VfioGroup {
    let group = this.#groups.get(id)
    if (group === undefined) {
      group = VfioGroup.open(this.#paths, id, address)
      try {
        this.#joinContainer(address, group)
      } catch (error) {
        group[Symbol.dispose]()
        throw error
      }
      this.#groups.set(id, group)
    }
    group.users++
    return group
  }

  #joinContainer(address: string, group: VfioGroup): void {
    if (this.#shareContainers) {
      for (const container of this.#containers) {
        if (!container.takesMemory) continue
        const result = group.trySetContainer(container)
        if (result.ok) {
          container.forgetLimits()
          return
        }
        if (!VfioGroup.mayFitAnother(result.errno)) throw setContainerError(address, result.errno)
      }
    }
    const container = VfioContainer.open(this.#paths, address)
    try {
      const result = group.trySetContainer(container)
      if (!result.ok) throw setContainerError(address, result.errno)
      container.useType1(address)
    } catch (error) {
      group[Symbol.dispose]()
      container[Symbol.dispose]()
      throw error
    }
    this.#containers.add(container)
  }

  async #openDevice(address: string, group: VfioGroup): Promise<FileDescriptor> {
    const command = vfioIoctl.VFIO_GROUP_GET_DEVICE_FD
    const name = new TextEncoder().encode(`${address}\0`)
    const deadline = machineClock.now() + contendedOpenMs * 1000
    for (let waitMs = 5; ; waitMs *= 2) {
      const result = await blockingIoctl(group.file, command, name)
      if (result.ok) return new FileDescriptor(result.value, address)
      if (errnoName(result.errno) !== 'EAGAIN' || machineClock.now() + waitMs * 1000 > deadline) {
        throw openError(address, 'get-device', ioctlName(command), result.errno)
      }
      await machineClock.sleep(waitMs)
    }
  }

  #holdGroups(ids: ReadonlySet<string>): Disposable & { readonly fds: readonly number[] } {
    const held = [...this.#groups.values()].filter(({ id }) => ids.has(id))
    for (const group of held) group.users++
    return {
      fds: held.map(({ file }) => file.fd),
      [Symbol.dispose]: () => {
        for (const group of held) this.#leaveGroup(group)
      },
    }
  }

  #release(address: string): void {
    const entry = this.#open.get(address)
    if (entry === undefined) return
    this.#open.delete(address)
    entry.group.container?.release(address)
    this.#leaveGroup(entry.group)
  }

  #leaveGroup(group: VfioGroup): void {
    group.users--
    if (group.users > 0) return
    const { container } = group
    this.#groups.delete(group.id)
    group[Symbol.dispose]()
    if (container?.isEmpty) {
      this.#containers.delete(container)
      container[Symbol.dispose]()
    }
  }
}

function setContainerError(address: string, errno: number): QuiesceError {
  return openError(address, 'set-container', ioctlName(vfioIoctl.VFIO_GROUP_SET_CONTAINER), errno)
}

function containerOf(group: VfioGroup): VfioContainer {
  if (group.container === undefined) throw new Error(`group ${group.id} is in no container`)
  return group.container
}
