// Mapping through a type1v2 container.
import type { DmaAccess } from '../function/dma.js'
import type { FileDescriptor } from '../linux/file-descriptor.js'
import { type IoctlCommand, type IoctlResult, ioctlName, tryIoctl } from '../linux/ioctl.js'
import { pageSize } from '../linux/process-limits.js'
import { systemCallError } from '../linux/system-call-error.js'
import { vfioConstant } from './abi/constants.js'
import { vfioIoctl } from './abi/ioctls.js'
import { Type1DmaMap, Type1DmaUnmap, Type1Info } from './abi/vfio-structs.js'
import type { Iommu, IommuRange, IommuRequest, IommuResult } from './iommu.js'
import { infoIoctl, queryInfo } from './query-info.js'
import { parseType1Info, type Type1Limits } from './type1-info.js'

const mapFlags: Readonly<Record<DmaAccess, number>> = {
  read: vfioConstant.VFIO_DMA_MAP_FLAG_READ,
  write: vfioConstant.VFIO_DMA_MAP_FLAG_WRITE,
  'read-write': vfioConstant.VFIO_DMA_MAP_FLAG_READ | vfioConstant.VFIO_DMA_MAP_FLAG_WRITE,
}

export class Type1Iommu implements Iommu {
  /** Type1 pins what is mapped in a process, and knows nothing of files. */
  readonly mapFile = undefined
  readonly unmapAll: (() => IoctlResult) | undefined
  readonly #file: FileDescriptor

  /** @param canUnmapAll `VFIO_UNMAP_ALL` */
  constructor(file: FileDescriptor, canUnmapAll: boolean) {
    this.#file = file
    this.unmapAll = canUnmapAll ? () => this.#unmapEverything() : undefined
  }

  readMappingsLeft(): number | undefined {
    return this.readLimits().mappingsLeft
  }

  readLimits(): Type1Limits {
    const command = vfioIoctl.VFIO_IOMMU_GET_INFO
    const result = queryInfo(Type1Info, infoIoctl(this.#file.fd, command))
    if (result.ok) return parseType1Info(result.bytes, pageSize())
    throw systemCallError({ action: 'read what the IOMMU can map', syscall: ioctlName(command), errno: result.errno })
  }

  mapMemory({ iova, size, access }: IommuRequest, vaddr: bigint): IommuResult {
    // SAFETY: the kernel pins the pages at `vaddr`; whoever maps keeps them there until the mapping has ended.
    const request = Type1DmaMap.encode({ argsz: Type1DmaMap.size, flags: mapFlags[access], vaddr, iova, size })
    return this.#call(vfioIoctl.VFIO_IOMMU_MAP_DMA, request)
  }

  unmap({ iova, size }: IommuRange): IommuResult {
    const request = Type1DmaUnmap.encode({ argsz: Type1DmaUnmap.size, flags: 0, iova, size })
    const result = this.#call(vfioIoctl.VFIO_IOMMU_UNMAP_DMA, request)
    return result.ok || this.#hasIommu() ? result : { ok: true }
  }

  /**
   * The kernel takes a container's IOMMU away, and every mapping with it, when its last group is gone: the driver of a
   * closed device is unbound, which it may well be where the device was asked back. Then any ioctl of the IOMMU is EINVAL.
   */
  #hasIommu(): boolean {
    return queryInfo(Type1Info, infoIoctl(this.#file.fd, vfioIoctl.VFIO_IOMMU_GET_INFO)).ok
  }

  #unmapEverything(): IoctlResult {
    const flags = vfioConstant.VFIO_DMA_UNMAP_FLAG_ALL
    const request = Type1DmaUnmap.encode({ argsz: Type1DmaUnmap.size, flags, iova: 0n, size: 0n })
    return tryIoctl(this.#file.fd, vfioIoctl.VFIO_IOMMU_UNMAP_DMA, request)
  }

  #call(command: IoctlCommand, request: Uint8Array): IommuResult {
    const result = tryIoctl(this.#file.fd, command, request)
    return result.ok ? { ok: true } : { ...result, syscall: ioctlName(command) }
  }
}
