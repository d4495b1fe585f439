import type { FileDescriptor } from '../linux/file-descriptor.js'
import { type IoctlResult, tryIoctl } from '../linux/ioctl.js'
import { vfioIoctl } from './abi/ioctls.js'
import { DeviceAttachIommufdPt, DeviceDetachIommufdPt } from './abi/vfio-structs.js'
import type { CdevMember } from './cdev-group.js'
import type { Ioas } from './ioas.js'

/** A character device that is bound to an iommufd, and the IOAS that translates its DMA while it is attached. */
export class CdevDevice implements CdevMember {
  readonly #file: FileDescriptor
  readonly #ioas: Ioas

  constructor(file: FileDescriptor, ioas: Ioas) {
    this.#file = file
    this.#ioas = ioas
  }

  get isOpen(): boolean {
    return this.#file.isOpen
  }

  /** EINVAL where the IOAS does not suit the device's IOMMU. */
  attach(): IoctlResult {
    const { id, domain } = this.#ioas
    const request = DeviceAttachIommufdPt.encode({ argsz: DeviceAttachIommufdPt.size, flags: 0, pt_id: id })
    const result = tryIoctl(this.#file.fd, vfioIoctl.VFIO_DEVICE_ATTACH_IOMMUFD_PT, request)
    // What the IOMMU can map is narrowed by what this device's can.
    if (result.ok) domain.forgetLimits()
    return result
  }

  /** The device is then out of reach of all memory. */
  detach(): IoctlResult {
    const request = DeviceDetachIommufdPt.encode({ argsz: DeviceDetachIommufdPt.size, flags: 0 })
    return tryIoctl(this.#file.fd, vfioIoctl.VFIO_DEVICE_DETACH_IOMMUFD_PT, request)
  }
}
