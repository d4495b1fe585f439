// A VFIO container: one IOMMU address space (type1v2) that the devices of its groups share.
import { QuiesceError } from '../errors/quiesce-error.js'
import { errnoName } from '../linux/errno.js'
import type { FileDescriptor } from '../linux/file-descriptor.js'
import { ioctl, ioctlName, tryIoctl } from '../linux/ioctl.js'
import { vfioConstant } from './abi/constants.js'
import { vfioIoctl } from './abi/ioctls.js'
import { DmaDomain } from './dma-domain.js'
import type { VfioGroup } from './group.js'
import { openError, openFile } from './open-errors.js'
import { Type1Iommu } from './type1-iommu.js'
import type { VfioPaths } from './vfio-paths.js'

export class VfioContainer implements Disposable {
  readonly #file: FileDescriptor
  readonly domain: DmaDomain
  readonly groups = new Set<VfioGroup>()

  /** Takes over the file: an empty container, of no use until a group is put in and `useType1` was called. */
  constructor(file: FileDescriptor, address: string) {
    this.#file = file
    try {
      const version = ioctl(`open ${address}`, file.fd, vfioIoctl.VFIO_GET_API_VERSION)
      if (version !== vfioConstant.VFIO_API_VERSION || !this.#has(vfioConstant.VFIO_TYPE1v2_IOMMU)) {
        throw new QuiesceError('NO_VFIO', `Cannot open ${address}: this kernel's VFIO has no type1v2 IOMMU`, {
          device: address,
          hint: 'Load its driver as root: modprobe vfio_iommu_type1',
        })
      }
      this.domain = new DmaDomain(new Type1Iommu(file, this.#has(vfioConstant.VFIO_UNMAP_ALL)))
    } catch (error) {
      file[Symbol.dispose]()
      throw error
    }
  }

  static open(paths: VfioPaths, address: string): VfioContainer {
    return new VfioContainer(openFile(address, 'open-container', `${paths.dev}/vfio/vfio`), address)
  }

  get fd(): number {
    return this.#file.fd
  }

  #has(extension: number): boolean {
    const result = tryIoctl(this.#file.fd, vfioIoctl.VFIO_CHECK_EXTENSION, extension)
    return result.ok && result.value > 0
  }

  /** Makes it a type1v2 container; needs a group inside. `isOurs` is false where somebody may have done it before. */
  useType1(address: string, isOurs = true): void {
    const command = vfioIoctl.VFIO_SET_IOMMU
    const result = tryIoctl(this.#file.fd, command, vfioConstant.VFIO_TYPE1v2_IOMMU)
    if (result.ok || (!isOurs && errnoName(result.errno) === 'EINVAL')) return
    throw openError(address, 'set-iommu', ioctlName(command), result.errno)
  }

  /** Whether its last group is gone. */
  get isEmpty(): boolean {
    return this.groups.size === 0
  }

  [Symbol.dispose](): void {
    // The kernel unmaps and unpins everything with the last close.
    this.#file[Symbol.dispose]()
    this.domain.forgetMappings()
  }
}
