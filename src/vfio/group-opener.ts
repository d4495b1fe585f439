// Devices by IOMMU group and container: VFIO's older way, which every kernel with VFIO has.
import type { QuiesceError } from '../errors/quiesce-error.js'
import { blockingIoctl } from '../linux/blocking-ioctl.js'
import { FileDescriptor } from '../linux/file-descriptor.js'
import { ioctlName } from '../linux/ioctl.js'
import { vfioIoctl } from './abi/ioctls.js'
import { VfioContainer } from './container.js'
import { untilUncontended } from './contended.js'
import {
  type DeviceOpener,
  duplicateOf,
  type OpenedDevice,
  type OpenerContext,
  type OpenRequest,
} from './device-opener.js'
import { VfioGroup } from './group.js'
import { GroupAttachment, type GroupKeeper } from './group-attachment.js'
import { openError } from './open-errors.js'
import { parseVfToken } from './vf-token.js'

export class GroupOpener implements DeviceOpener, GroupKeeper {
  readonly #context: OpenerContext
  readonly #groups = new Map<string, VfioGroup>()
  readonly #containers = new Set<VfioContainer>()

  constructor(context: OpenerContext) {
    this.#context = context
  }

  hasGroup(id: string): boolean {
    return this.#groups.has(id)
  }

  async open(request: OpenRequest): Promise<OpenedDevice> {
    const { address } = request
    if (request.vfToken !== undefined) parseVfToken(request.vfToken)
    const group = this.#acquireGroup(request)
    try {
      const file = await this.#openDevice(request, group)
      const { container } = group
      if (container === undefined) throw new Error(`group ${group.id} is in no container`)
      return { file, attachment: new GroupAttachment(address, group, container, this) }
    } catch (error) {
      this.leave(group)
      throw error
    }
  }

  /** What is open is let go of by its devices. */
  dispose(): void {}

  hold(ids: ReadonlySet<string>): Disposable & { readonly groupFds: readonly number[] } {
    const held = [...this.#groups.values()].filter(({ id }) => ids.has(id))
    for (const group of held) group.users++
    return {
      groupFds: held.map(({ file }) => file.fd),
      [Symbol.dispose]: () => {
        for (const group of held) this.leave(group)
      },
    }
  }

  leave(group: VfioGroup): void {
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

  #acquireGroup(request: OpenRequest): VfioGroup {
    const { paths } = this.#context
    const { address, group: id, files } = request
    let group = this.#groups.get(id)
    if (group === undefined) {
      group =
        files !== undefined && 'groupFd' in files
          ? VfioGroup.take(duplicateOf(files.groupFd, `group ${id}`), paths, id, address)
          : VfioGroup.open(paths, id, address)
      try {
        this.#joinContainer(request, group)
      } catch (error) {
        group[Symbol.dispose]()
        throw error
      }
      this.#groups.set(id, group)
    }
    group.users++
    return group
  }

  #joinContainer({ address, files }: OpenRequest, group: VfioGroup): void {
    const containerFd = files !== undefined && 'groupFd' in files ? files.containerFd : undefined
    if (containerFd === undefined && this.#joinKnown(address, group)) return
    const container =
      containerFd === undefined
        ? VfioContainer.open(this.#context.paths, address)
        : new VfioContainer(duplicateOf(containerFd, 'a container'), address)
    try {
      const isInside = containerFd !== undefined && group.hasContainer
      if (isInside) {
        group.join(container)
      } else {
        const result = group.trySetContainer(container)
        if (!result.ok) throw setContainerError(address, result.errno)
      }
      container.useType1(address, containerFd === undefined)
    } catch (error) {
      group[Symbol.dispose]()
      container[Symbol.dispose]()
      throw error
    }
    this.#containers.add(container)
  }

  /** Whether one of the containers that there are took it. */
  #joinKnown(address: string, group: VfioGroup): boolean {
    if (!this.#context.shareContainers) return false
    for (const container of this.#containers) {
      if (!container.domain.takesMemory) continue
      const result = group.trySetContainer(container)
      if (result.ok) {
        container.domain.forgetLimits()
        return true
      }
      if (!VfioGroup.mayFitAnother(result.errno)) throw setContainerError(address, result.errno)
    }
    return false
  }

  async #openDevice({ address, vfToken }: OpenRequest, group: VfioGroup): Promise<FileDescriptor> {
    const command = vfioIoctl.VFIO_GROUP_GET_DEVICE_FD
    const option = vfToken === undefined ? '' : ` vf_token=${vfToken}`
    const name = new TextEncoder().encode(`${address}${option}\0`)
    const result = await untilUncontended(() => blockingIoctl(group.file, command, name))
    if (result.ok) return new FileDescriptor(result.value, address)
    const step = vfToken === undefined ? 'get-device' : 'get-device-with-token'
    throw openError(address, step, ioctlName(command), result.errno)
  }
}

function setContainerError(address: string, errno: number): QuiesceError {
  return openError(address, 'set-container', ioctlName(vfioIoctl.VFIO_GROUP_SET_CONTAINER), errno)
}
