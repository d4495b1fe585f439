// What this process owns of the machine's VFIO: the devices that are open, and what they share.
import { QuiesceError } from '../errors/quiesce-error.js'
import { type AssignabilityFacts, blockerError, findBlockers, isDeviceNodeUsable } from '../host/assignability.js'
import { readAssignabilityFacts } from '../host/assignability-facts.js'
import { readPciSummary } from '../host/pci-device.js'
import { pciDevicePath, readLinkName } from '../host/sysfs-attribute.js'
import { readVfioAvailability } from '../host/vfio-availability.js'
import { FileDescriptor } from '../linux/file-descriptor.js'
import { CdevOpener } from './cdev-opener.js'
import { contendedOpenMs } from './contended.js'
import { DeviceGate } from './device-gate.js'
import { type AdoptedFiles, closeOpened, type DeviceOpener, type OpenRequest } from './device-opener.js'
import { GroupOpener } from './group-opener.js'
import { machineClock } from './machine-clock.js'
import { ResetsUnderWay } from './resets-under-way.js'
import { type FunctionHolder, VfioFunction } from './vfio-function.js'
import { machinePaths, type VfioPaths } from './vfio-paths.js'

/** By IOMMU group and container, or by character device and iommufd. */
export const vfioBackends = ['group', 'cdev'] as const
export type VfioBackend = (typeof vfioBackends)[number]

export interface VfioOwnershipOptions {
  /**
   * Whether devices of different groups may share a container or an IOAS, as QEMU's do: memory is then pinned and mapped
   * once for all of them, and where a container is emptied to contain one device, all are contained. Default true.
   */
  readonly shareContainers?: boolean
  /** `auto`, the default, opens a device by its character device where there is one for this user, else by its group. */
  readonly backend?: VfioBackend | 'auto'
  readonly paths?: VfioPaths
}

export interface OpenOptions {
  /** The secret of a virtual function's physical function: a UUID, as 00112233-4455-6677-8899-aabbccddeeff. */
  readonly vfToken?: string
}

/** Owns what the kernel handed out for as long as a device of it is open. Disposing it closes every device. */
export class VfioOwnership implements Disposable {
  readonly #paths: VfioPaths
  readonly #backend: VfioBackend | 'auto'
  readonly #openers: Readonly<Record<VfioBackend, DeviceOpener>>
  readonly #open = new Map<string, { fn: VfioFunction | undefined }>()
  readonly #resets = new ResetsUnderWay()
  readonly #holder: FunctionHolder
  #disposed = false

  constructor(options: VfioOwnershipOptions = {}) {
    const paths = options.paths ?? machinePaths
    this.#paths = paths
    this.#backend = options.backend ?? 'auto'
    const context = { paths, shareContainers: options.shareContainers ?? true, resets: this.#resets }
    this.#openers = { group: new GroupOpener(context), cdev: new CdevOpener(context) }
    this.#holder = { paths, resets: this.#resets, release: (address) => void this.#open.delete(address) }
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
  async open(address: string, options: OpenOptions = {}): Promise<VfioFunction> {
    await this.#prepare(address)
    const facts = this.#findFacts(address)
    const backend = this.#choose(facts)
    const [blocker] = findBlockers(facts, backend)
    if (blocker !== undefined) throw blockerError('open', address, blocker)
    const group = facts.group?.group
    if (group === undefined) {
      throw new QuiesceError('NO_IOMMU', `Cannot open ${address}: it is in no IOMMU group`, { device: address })
    }
    return this.#take(this.#openers[backend], { address, group, vfToken: options.vfToken })
  }

  /**
   * Opens a device by files that a more privileged process has opened, so that this one needs no access to `/dev`.
   *
   * Once it is open, `deviceFd` is taken over: only the last close of it lets go of the device, so whoever passed it here
   * must have closed his, too. The others are duplicated and stay the caller's. An iommufd is remembered by its number:
   * the same number means the same iommufd, also in later calls, and leaving it out means the one given first.
   * @throws QuiesceError as `open` does; every descriptor is the caller's then
   */
  async adopt(request: { readonly address: string } & OpenOptions & AdoptedFiles): Promise<VfioFunction> {
    const { address, vfToken, ...files } = request
    await this.#prepare(address)
    // Where sysfs cannot be seen either, the device is taken to be alone in its group.
    const group = readLinkName(`${pciDevicePath(this.#paths.sysfs, address)}/iommu_group`) ?? `of ${address}`
    if (!('deviceFd' in files)) return this.#take(this.#openers.group, { address, group, vfToken, files })
    const fn = await this.#take(this.#openers.cdev, { address, group, vfToken, files })
    new FileDescriptor(files.deviceFd, address)[Symbol.dispose]()
    return fn
  }

  async #prepare(address: string): Promise<void> {
    await this.#closed(address)
    this.#assertUsable(address)
    const other = this.#open.get(address)
    if (other === undefined) return
    const detail = other.fn?.isClosed ? 'closing it waits for a reset that has not ended' : 'this process has it open'
    throw new QuiesceError('BUSY', `Cannot open ${address}: ${detail}`, { device: address })
  }

  async #take(opener: DeviceOpener, request: OpenRequest): Promise<VfioFunction> {
    const { address } = request
    const entry = { fn: undefined as VfioFunction | undefined }
    this.#open.set(address, entry)
    try {
      const opened = await opener.open(request)
      try {
        // A reset of its bus may have ended in the kernel, which let the device be opened, but not yet here.
        await this.#resets.ended(address)
        this.#assertUsable(address)
        entry.fn = new VfioFunction(new DeviceGate(address, opened.file, this.#resets), opened.attachment, this.#holder)
        return entry.fn
      } catch (error) {
        await closeOpened(opened)
        throw error
      }
    } catch (error) {
      this.#open.delete(address)
      throw error
    }
  }

  /** Also of those that are being opened: their `open` closes them, and rejects. */
  [Symbol.dispose](): void {
    this.#disposed = true
    for (const fn of this.functions) fn[Symbol.dispose]()
    for (const opener of Object.values(this.#openers)) opener.dispose()
  }

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

  #findFacts(address: string): AssignabilityFacts {
    const { sysfs, dev } = this.#paths
    const device = readPciSummary(sysfs, address)
    if (device === undefined) {
      throw new QuiesceError('NO_DEVICE', `Cannot open ${address}: there is no such PCI device`, { device: address })
    }
    return readAssignabilityFacts(device, readVfioAvailability(sysfs, dev), sysfs, dev)
  }

  /** The kernel hands out a group one way or the other, and a bus is reset only where all on it came the same way. */
  #choose(facts: AssignabilityFacts): VfioBackend {
    if (this.#backend !== 'auto') return this.#backend
    const { group } = facts
    const used = vfioBackends.find((backend) => group !== undefined && this.#openers[backend].hasGroup(group.group))
    return used ?? (isDeviceNodeUsable(facts) ? 'cdev' : 'group')
  }
}
