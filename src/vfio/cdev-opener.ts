// Devices as character devices, bound to an iommufd: VFIO's newer way (Linux 6.6).
import { readVfioDeviceNode } from '../host/vfio-device-node.js'
import { AnonymousMemory } from '../linux/anonymous-memory.js'
import { blockingIoctl, closeBlocking } from '../linux/blocking-ioctl.js'
import { errnoName } from '../linux/errno.js'
import type { FileDescriptor } from '../linux/file-descriptor.js'
import { ioctlName } from '../linux/ioctl.js'
import { pageSize } from '../linux/process-limits.js'
import { vfioConstant } from './abi/constants.js'
import { vfioIoctl } from './abi/ioctls.js'
import { DeviceBindIommufd } from './abi/vfio-structs.js'
import { CdevAttachment } from './cdev-attachment.js'
import { CdevDevice } from './cdev-device.js'
import { CdevGroup } from './cdev-group.js'
import { untilUncontended } from './contended.js'
import {
  type DeviceOpener,
  duplicateOf,
  type OpenedDevice,
  type OpenerContext,
  type OpenRequest,
} from './device-opener.js'
import type { Ioas } from './ioas.js'
import { Iommufd } from './iommufd.js'
import { openError, openFile } from './open-errors.js'
import { parseVfToken } from './vf-token.js'

/** Opened by ourselves, as opposed to the caller's descriptor of that number. */
const own = 'own'

/** A group with open devices, and what they are tied to. */
interface OpenGroup {
  readonly group: CdevGroup
  readonly iommufd: Iommufd
  readonly ioas: Ioas
}

export class CdevOpener implements DeviceOpener {
  readonly #context: OpenerContext
  readonly #groups = new Map<string, OpenGroup>()
  readonly #iommufds = new Map<number | typeof own, Iommufd>()
  #isDisposed = false

  constructor(context: OpenerContext) {
    this.#context = context
  }

  hasGroup(id: string): boolean {
    return this.#groups.has(id)
  }

  async open(request: OpenRequest): Promise<OpenedDevice> {
    const { address } = request
    const iommufd = this.#findIommufd(request)
    iommufd.users++
    try {
      const file = this.#openFile(request)
      try {
        await bind(file, iommufd, request)
        const open = this.#attach(request, iommufd, file)
        const attachment = new CdevAttachment(address, open.group, this.#context.resets, () => this.#leave(open))
        return { file, attachment }
      } catch (error) {
        await closeBlocking(file)
        throw error
      }
    } catch (error) {
      this.#leaveIommufd(iommufd)
      throw error
    }
  }

  dispose(): void {
    this.#isDisposed = true
    for (const iommufd of this.#iommufds.values()) this.#closeIfUnused(iommufd)
  }

  /** The caller's, else one that was adopted before, else our own. */
  #findIommufd({ address, files }: OpenRequest): Iommufd {
    const given = files !== undefined && 'deviceFd' in files ? files.iommufdFd : undefined
    const known = given === undefined ? [...this.#iommufds.values()][0] : this.#iommufds.get(given)
    if (known !== undefined) return known
    const iommufd =
      given === undefined ? Iommufd.open(this.#context.paths, address) : new Iommufd(duplicateOf(given, 'an iommufd'))
    this.#iommufds.set(given ?? own, iommufd)
    return iommufd
  }

  #openFile({ address, files }: OpenRequest): FileDescriptor {
    if (files !== undefined && 'deviceFd' in files) return duplicateOf(files.deviceFd, address)
    const { sysfs, dev } = this.#context.paths
    const node = readVfioDeviceNode(sysfs, dev, address)
    return openFile(address, 'open-device', node ?? `${dev}/vfio/devices`)
  }

  #attach({ address, group: id }: OpenRequest, iommufd: Iommufd, file: FileDescriptor): OpenGroup {
    const known = this.#groups.get(id)
    const attached = known === undefined ? this.#attachToAny(address, iommufd, file) : attachTo(address, known, file)
    const open = known ?? { group: new CdevGroup(id, attached.ioas.domain), iommufd, ioas: attached.ioas }
    this.#groups.set(id, open)
    open.group.add(address, attached.device)
    return open
  }

  /** To an IOAS that there is, if they may be shared and it suits, else to a new one. */
  #attachToAny(address: string, iommufd: Iommufd, file: FileDescriptor): { device: CdevDevice; ioas: Ioas } {
    for (const ioas of this.#context.shareContainers ? iommufd.ioases : []) {
      if (!ioas.domain.takesMemory) continue
      const device = new CdevDevice(file, ioas)
      const result = device.attach()
      if (result.ok) return { device, ioas }
      if (errnoName(result.errno) !== 'EINVAL') throw attachError(address, result.errno)
    }
    const ioas = iommufd.allocate()
    const device = new CdevDevice(file, ioas)
    const result = device.attach()
    if (result.ok) return { device, ioas }
    iommufd.destroy(ioas)
    throw attachError(address, result.errno)
  }

  #leave({ group, ioas, iommufd }: OpenGroup): void {
    if (group.isEmpty) this.#groups.delete(group.id)
    if (ioas.domain.devices.size === 0) iommufd.destroy(ioas)
    this.#leaveIommufd(iommufd)
  }

  #leaveIommufd(iommufd: Iommufd): void {
    iommufd.users--
    this.#closeIfUnused(iommufd)
  }

  /** The caller's is kept for the devices that he may hand over later. */
  #closeIfUnused(iommufd: Iommufd): void {
    if (iommufd.users > 0) return
    for (const [key, each] of [...this.#iommufds]) {
      if (each !== iommufd || (key !== own && !this.#isDisposed)) continue
      this.#iommufds.delete(key)
      iommufd[Symbol.dispose]()
    }
  }
}

/** The IOMMU does not tell the devices of a group apart, so one IOAS serves them all. */
function attachTo(address: string, { group, ioas }: OpenGroup, file: FileDescriptor) {
  const device = new CdevDevice(file, ioas)
  // To attach it would let a contained sibling in, too.
  const result = group.isCutOff ? undefined : device.attach()
  if (result?.ok === false) throw attachError(address, result.errno)
  return { device, ioas }
}

/** Binds the device, which opens and resets it. */
async function bind(file: FileDescriptor, iommufd: Iommufd, { address, vfToken }: OpenRequest): Promise<void> {
  using token = vfToken === undefined ? undefined : new AnonymousMemory(pageSize())
  if (vfToken !== undefined) token?.bytes.set(parseVfToken(vfToken))
  const argument = DeviceBindIommufd.encode({
    argsz: DeviceBindIommufd.size,
    flags: token === undefined ? 0 : vfioConstant.VFIO_DEVICE_BIND_FLAG_TOKEN,
    iommufd: iommufd.fd,
    // SAFETY: 16 bytes that stay there until the call has returned.
    token_uuid_ptr: token?.address ?? 0n,
  })
  const command = vfioIoctl.VFIO_DEVICE_BIND_IOMMUFD
  const result = await untilUncontended(() => blockingIoctl(file, command, argument))
  if (!result.ok)
    throw openError(address, token === undefined ? 'bind' : 'bind-with-token', ioctlName(command), result.errno)
}

function attachError(address: string, errno: number) {
  return openError(address, 'attach', ioctlName(vfioIoctl.VFIO_DEVICE_ATTACH_IOMMUFD_PT), errno)
}
