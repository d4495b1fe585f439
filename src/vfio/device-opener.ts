import { closeBlocking } from '../linux/blocking-ioctl.js'
import { FileDescriptor } from '../linux/file-descriptor.js'
import type { Attachment } from './attachment.js'
import type { ResetsUnderWay } from './resets-under-way.js'
import type { VfioPaths } from './vfio-paths.js'

/** Files that were opened by a more privileged process. */
export type AdoptedFiles =
  /**
   * A character device, `/dev/vfio/devices/vfioN`, not bound yet, and `/dev/iommu`; without it, the one that was given
   * before, or else one of our own.
   */
  | { readonly deviceFd: number; readonly iommufdFd?: number }
  /** A group, `/dev/vfio/N`, and a container, `/dev/vfio/vfio`, with the group in it or not. */
  | { readonly groupFd: number; readonly containerFd?: number }

export interface OpenRequest {
  /** Full form: `0000:03:00.0`. */
  readonly address: string
  /** The number of its IOMMU group. */
  readonly group: string
  /** A UUID: the secret of a virtual function's physical function. */
  readonly vfToken?: string | undefined
  readonly files?: AdoptedFiles | undefined
}

/** A device that the kernel has handed out. */
export interface OpenedDevice {
  readonly file: FileDescriptor
  readonly attachment: Attachment
}

/** One of the kernel's two ways to hand a device out. */
export interface DeviceOpener {
  /** Whether a device of this IOMMU group is open this way, which rules the other way out. */
  hasGroup(id: string): boolean
  /** @throws QuiesceError as `VfioOwnership.open` does */
  open(request: OpenRequest): Promise<OpenedDevice>
  /** Lets go of what is kept for devices that may follow. */
  dispose(): void
}

/** What the openers share. */
export interface OpenerContext {
  readonly paths: VfioPaths
  readonly shareContainers: boolean
  readonly resets: ResetsUnderWay
}

/** A descriptor of our own for a file of the caller's. */
export function duplicateOf(fd: number, what: string): FileDescriptor {
  return new FileDescriptor(fd, what).duplicate()
}

/** Closes the device's file and lets go of the rest: what an open that fails half-way leaves. */
export async function closeOpened({ file, attachment }: OpenedDevice): Promise<void> {
  try {
    // Its last close, which resets it.
    await closeBlocking(file)
  } finally {
    attachment.release()
  }
}
