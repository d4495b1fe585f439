// An IOMMU group as VFIO hands it out: one process at a time owns all of it.
import { QuiesceError } from '../errors/quiesce-error.js'
import { readIommuGroup } from '../host/iommu-group.js'
import { leavesGroupViable } from '../host/vfio-driver.js'
import { errnoName } from '../linux/errno.js'
import type { FileDescriptor } from '../linux/file-descriptor.js'
import { type IoctlResult, ioctl, tryIoctl } from '../linux/ioctl.js'
import { vfioConstant } from './abi/constants.js'
import { vfioIoctl } from './abi/ioctls.js'
import { GroupStatus } from './abi/vfio-structs.js'
import type { VfioContainer } from './container.js'
import { openFile } from './open-errors.js'
import type { VfioPaths } from './vfio-paths.js'

function notViable(paths: VfioPaths, id: string, address: string): QuiesceError {
  const members = readIommuGroup(paths.sysfs, address)?.members ?? []
  const holders = members.filter((member) => !leavesGroupViable(member.driver))
  const list = holders.map((member) => `${member.address} by ${member.driver}`).join(', ')
  return new QuiesceError(
    'GROUP_NOT_VIABLE',
    `Cannot open ${address}: IOMMU group ${id} is shared with devices that the host uses (${list || 'unknown'})`,
    {
      device: address,
      hint:
        holders.length === 0
          ? 'Bind every device of the group to vfio-pci or to no driver'
          : `Bind ${holders.map((member) => member.address).join(', ')} to vfio-pci or to no driver`,
    },
  )
}

export class VfioGroup implements Disposable {
  readonly id: string
  readonly file: FileDescriptor
  container: VfioContainer | undefined
  /** How many open devices, and calls under way, need it. */
  users = 0

  private constructor(id: string, file: FileDescriptor) {
    this.id = id
    this.file = file
  }

  /** @throws QuiesceError `BUSY`, `PERMISSION`, `GROUP_NOT_VIABLE` */
  static open(paths: VfioPaths, id: string, address: string): VfioGroup {
    return VfioGroup.take(openFile(address, 'open-group', `${paths.dev}/vfio/${id}`), paths, id, address)
  }

  /** Takes over the file of a group. @throws QuiesceError `GROUP_NOT_VIABLE` */
  static take(file: FileDescriptor, paths: VfioPaths, id: string, address: string): VfioGroup {
    try {
      const status = GroupStatus.encode({ argsz: GroupStatus.size })
      ioctl(`open ${address}`, file.fd, vfioIoctl.VFIO_GROUP_GET_STATUS, status)
      if ((GroupStatus.decode(status).flags & vfioConstant.VFIO_GROUP_FLAGS_VIABLE) === 0)
        throw notViable(paths, id, address)
      return new VfioGroup(id, file)
    } catch (error) {
      file[Symbol.dispose]()
      throw error
    }
  }

  /** It is in this container already: whoever opened both has put it there. */
  join(container: VfioContainer): void {
    this.container = container
    container.groups.add(this)
  }

  /** Whether it is in a container, ours or not. */
  get hasContainer(): boolean {
    const status = GroupStatus.encode({ argsz: GroupStatus.size })
    ioctl(`look at group ${this.id}`, this.file.fd, vfioIoctl.VFIO_GROUP_GET_STATUS, status)
    return (GroupStatus.decode(status).flags & vfioConstant.VFIO_GROUP_FLAGS_CONTAINER_SET) !== 0
  }

  /** Asks the kernel to translate this group's DMA through `container`; it refuses where the IOMMUs differ. */
  trySetContainer(container: VfioContainer): IoctlResult {
    const fd = new Uint8Array(new Int32Array([container.fd]).buffer)
    const result = tryIoctl(this.file.fd, vfioIoctl.VFIO_GROUP_SET_CONTAINER, fd)
    if (result.ok) this.join(container)
    return result
  }

  /** Errors of the kernel that mean "not into this container", as opposed to "not at all". */
  static mayFitAnother(errno: number): boolean {
    return ['EINVAL', 'ENODEV', 'EBUSY'].includes(errnoName(errno))
  }

  [Symbol.dispose](): void {
    // Closing the file takes the group out of its container.
    this.container?.groups.delete(this)
    this.container = undefined
    this.file[Symbol.dispose]()
  }
}
