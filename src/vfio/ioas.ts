// An IOAS: one IOMMU address space of iommufd, which the devices attached to it share.
import type { DmaAccess } from '../function/dma.js'
import { AnonymousMemory } from '../linux/anonymous-memory.js'
import { errnoName } from '../linux/errno.js'
import type { FileDescriptor } from '../linux/file-descriptor.js'
import { type IoctlCommand, type IoctlResult, ioctl, ioctlName, tryIoctl } from '../linux/ioctl.js'
import { pageSize } from '../linux/process-limits.js'
import { systemCallError } from '../linux/system-call-error.js'
import { iommufdConstant } from './abi/constants.js'
import { iommufdIoctl } from './abi/ioctls.js'
import {
  IommuDestroy,
  IommuIoasAlloc,
  IommuIoasIovaRanges,
  IommuIoasMap,
  IommuIoasMapFile,
  IommuIoasUnmap,
  IommuIovaRange,
} from './abi/iommufd-structs.js'
import { DmaDomain } from './dma-domain.js'
import type { Iommu, IommuLimits, IommuRange, IommuRequest, IommuResult } from './iommu.js'

const { IOMMU_IOAS_MAP_FIXED_IOVA, IOMMU_IOAS_MAP_READABLE, IOMMU_IOAS_MAP_WRITEABLE } = iommufdConstant

const mapFlags: Readonly<Record<DmaAccess, number>> = {
  read: IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
  write: IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE,
  'read-write': IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
}

const lastAddress = 2n ** 64n - 1n

export class Ioas implements Iommu, Disposable {
  readonly id: number
  readonly domain: DmaDomain
  readonly mapFile: Iommu['mapFile']
  readonly #file: FileDescriptor

  /** @param canMapFiles whether the kernel has IOMMU_IOAS_MAP_FILE (Linux 6.13) */
  constructor(iommufd: FileDescriptor, canMapFiles: boolean) {
    this.#file = iommufd
    const request = IommuIoasAlloc.encode({ size: IommuIoasAlloc.size })
    ioctl('make an address space for DMA', iommufd.fd, iommufdIoctl.IOMMU_IOAS_ALLOC, request)
    this.id = IommuIoasAlloc.decode(request).out_ioas_id
    this.mapFile = canMapFiles ? (wanted, fd, offset) => this.#mapFile(wanted, fd, offset) : undefined
    this.domain = new DmaDomain(this)
  }

  readLimits(): IommuLimits {
    const command = iommufdIoctl.IOMMU_IOAS_IOVA_RANGES
    // A page holds 256 ranges, where an IOMMU has two or three.
    for (let room = pageSize() / IommuIovaRange.size; ; room *= 2) {
      using ranges = new AnonymousMemory(room * IommuIovaRange.size)
      const request = IommuIoasIovaRanges.encode({
        size: IommuIoasIovaRanges.size,
        ioas_id: this.id,
        num_iovas: room,
        // SAFETY: the kernel writes at most `num_iovas` ranges there, before the call returns.
        allowed_iovas: ranges.address,
      })
      const result = tryIoctl(this.#file.fd, command, request)
      if (result.ok) return { pageSize: BigInt(pageSize()), apertures: readRanges(ranges.bytes, request) }
      if (errnoName(result.errno) !== 'EMSGSIZE') {
        throw systemCallError({
          action: 'read what the IOMMU can map',
          syscall: ioctlName(command),
          errno: result.errno,
        })
      }
    }
  }

  /** iommufd counts pinned memory, not mappings. */
  readMappingsLeft(): undefined {
    return undefined
  }

  mapMemory({ iova, size, access }: IommuRequest, address: bigint): IommuResult {
    // SAFETY: the kernel pins the pages at `user_va`; whoever maps keeps them there until the mapping has ended.
    const request = IommuIoasMap.encode({
      size: IommuIoasMap.size,
      flags: mapFlags[access],
      ioas_id: this.id,
      user_va: address,
      length: size,
      iova,
    })
    return this.#call(iommufdIoctl.IOMMU_IOAS_MAP, request)
  }

  #mapFile({ iova, size, access }: IommuRequest, fd: number, offset: bigint): IommuResult {
    const request = IommuIoasMapFile.encode({
      size: IommuIoasMapFile.size,
      flags: mapFlags[access],
      ioas_id: this.id,
      fd,
      start: offset,
      length: size,
      iova,
    })
    return this.#call(iommufdIoctl.IOMMU_IOAS_MAP_FILE, request)
  }

  unmap({ iova, size }: IommuRange): IommuResult {
    const request = IommuIoasUnmap.encode({ size: IommuIoasUnmap.size, ioas_id: this.id, iova, length: size })
    return this.#call(iommufdIoctl.IOMMU_IOAS_UNMAP, request)
  }

  unmapAll(): IoctlResult {
    const result = this.unmap({ iova: 0n, size: lastAddress })
    // ENOENT: there was nothing.
    return result.ok || errnoName(result.errno) === 'ENOENT' ? { ok: true, value: 0 } : result
  }

  #call(command: IoctlCommand, request: Uint8Array): IommuResult {
    const result = tryIoctl(this.#file.fd, command, request)
    return result.ok ? { ok: true } : { ...result, syscall: ioctlName(command) }
  }

  /** Takes it out of the iommufd; no device may be attached to it. */
  [Symbol.dispose](): void {
    // What fails here goes with the iommufd.
    tryIoctl(this.#file.fd, iommufdIoctl.IOMMU_DESTROY, IommuDestroy.encode({ size: IommuDestroy.size, id: this.id }))
    this.domain.forgetMappings()
  }
}

function readRanges(bytes: Uint8Array, request: Uint8Array): IommuLimits['apertures'] {
  const { num_iovas } = IommuIoasIovaRanges.decode(request)
  return Array.from({ length: num_iovas }, (_, index) => {
    const { start, last } = IommuIovaRange.decode(bytes, index * IommuIovaRange.size)
    return { first: start, last }
  })
}
