// A VFIO container: one IOMMU address space (type1v2) that the devices of its groups share.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { DmaAccess, DmaMemory } from '../function/dma.js'
import { FileDescriptor } from '../linux/file-descriptor.js'
import { type IoctlResult, ioctl, ioctlName, tryIoctl } from '../linux/ioctl.js'
import { memlockLimit, pageSize } from '../linux/process-limits.js'
import { systemCallError } from '../linux/system-call-error.js'
import { vfioConstant } from './abi/constants.js'
import { vfioIoctl } from './abi/ioctls.js'
import { Type1DmaMap, Type1DmaUnmap, Type1Info } from './abi/vfio-structs.js'
import { ContainedDevices } from './contained-devices.js'
import { mapError } from './dma-errors.js'
import { checkRange } from './dma-range.js'
import type { VfioGroup } from './group.js'
import { openError } from './open-errors.js'
import { infoIoctl, queryInfo } from './query-info.js'
import { parseType1Info, type Type1Limits } from './type1-info.js'
import type { VfioPaths } from './vfio-paths.js'

/** A mapping that the kernel holds. */
export interface ContainerMapping {
  readonly iova: bigint
  readonly size: bigint
  readonly access: DmaAccess
  readonly memory: DmaMemory
  /** The device that asked for it, and whose it ends with. */
  readonly owner: string
}

const mapFlags: Readonly<Record<DmaAccess, number>> = {
  read: vfioConstant.VFIO_DMA_MAP_FLAG_READ,
  write: vfioConstant.VFIO_DMA_MAP_FLAG_WRITE,
  'read-write': vfioConstant.VFIO_DMA_MAP_FLAG_READ | vfioConstant.VFIO_DMA_MAP_FLAG_WRITE,
}

export class VfioContainer implements Disposable {
  readonly #file: FileDescriptor
  readonly groups = new Set<VfioGroup>()
  /** Addresses of the open devices whose DMA it translates. */
  readonly devices = new Set<string>()
  readonly mappings = new Set<ContainerMapping>()
  readonly #contained = new ContainedDevices()
  #limits: Type1Limits | undefined

  private constructor(file: FileDescriptor) {
    this.#file = file
  }

  /** An empty container, of no use until a group is put in and `useType1` was called. */
  static open(paths: VfioPaths, address: string): VfioContainer {
    const path = `${paths.dev}/vfio/vfio`
    let file: FileDescriptor
    try {
      file = FileDescriptor.open(path)
    } catch (error) {
      if (error instanceof QuiesceError && error.errno !== undefined)
        throw openError(address, 'open-container', `open(${path})`, error.errno)
      throw error
    }
    const container = new VfioContainer(file)
    try {
      const version = ioctl(`open ${address}`, file.fd, vfioIoctl.VFIO_GET_API_VERSION)
      if (version !== vfioConstant.VFIO_API_VERSION || !container.#has(vfioConstant.VFIO_TYPE1v2_IOMMU)) {
        throw new QuiesceError('NO_VFIO', `Cannot open ${address}: this kernel's VFIO has no type1v2 IOMMU`, {
          device: address,
          hint: 'Load its driver as root: modprobe vfio_iommu_type1',
        })
      }
      return container
    } catch (error) {
      file[Symbol.dispose]()
      throw error
    }
  }

  get fd(): number {
    return this.#file.fd
  }

  #has(extension: number): boolean {
    const result = tryIoctl(this.#file.fd, vfioIoctl.VFIO_CHECK_EXTENSION, extension)
    return result.ok && result.value > 0
  }

  /** Makes it a type1v2 container; needs a group inside. */
  useType1(address: string): void {
    const command = vfioIoctl.VFIO_SET_IOMMU
    const result = tryIoctl(this.#file.fd, command, vfioConstant.VFIO_TYPE1v2_IOMMU)
    if (!result.ok) throw openError(address, 'set-iommu', ioctlName(command), result.errno)
  }

  /** Page size and apertures; read again after each group that joins, since that narrows them. */
  get limits(): Type1Limits {
    this.#limits ??= this.#readLimits()
    return this.#limits
  }

  forgetLimits(): void {
    this.#limits = undefined
  }

  #readLimits(): Type1Limits {
    const command = vfioIoctl.VFIO_IOMMU_GET_INFO
    const result = queryInfo(Type1Info, infoIoctl(this.#file.fd, command))
    if (result.ok) return parseType1Info(result.bytes, pageSize())
    throw systemCallError({ action: 'read what the IOMMU can map', syscall: ioctlName(command), errno: result.errno })
  }

  /** @throws QuiesceError `DMA_CONFLICT`, `MEMLOCK` */
  map(mapping: ContainerMapping): void {
    const { iova, size, access, memory, owner } = mapping
    checkRange(owner, iova, size, this.limits, this.mappings)
    this.#contained.check(owner, iova, size)
    const command = vfioIoctl.VFIO_IOMMU_MAP_DMA
    const result = tryIoctl(
      this.#file.fd,
      command,
      // SAFETY: the kernel pins the pages at `vaddr`; the mapping keeps `memory` from being given back before it ends.
      Type1DmaMap.encode({ argsz: Type1DmaMap.size, flags: mapFlags[access], vaddr: memory.address, iova, size }),
    )
    if (!result.ok) throw mapError(mapping, ioctlName(command), result.errno, memlockLimit())
    this.mappings.add(mapping)
  }

  /** Ends one mapping; returns how many bytes the kernel unmapped. Does nothing where it has ended already. */
  unmap(mapping: ContainerMapping): bigint {
    if (!this.mappings.has(mapping)) return 0n
    const command = vfioIoctl.VFIO_IOMMU_UNMAP_DMA
    const { iova, size, owner } = mapping
    const request = Type1DmaUnmap.encode({ argsz: Type1DmaUnmap.size, flags: 0, iova, size })
    const result = tryIoctl(this.#file.fd, command, request)
    if (!result.ok) {
      throw systemCallError({ action: `unmap DMA of ${owner}`, syscall: ioctlName(command), errno: result.errno })
    }
    this.mappings.delete(mapping)
    return Type1DmaUnmap.decode(request).size
  }

  /**
   * Ends every mapping, whoever made it, and takes no other until the device is released: neither it nor any other device
   * of the container reaches any memory meanwhile.
   */
  contain(address: string): IoctlResult {
    const result = this.#has(vfioConstant.VFIO_UNMAP_ALL) ? this.#unmapEverything() : this.#unmapOneByOne()
    if (result.ok) this.#contained.add(address)
    return result
  }

  /** Whether memory can be mapped: no device in it is contained. */
  get takesMemory(): boolean {
    return this.#contained.isEmpty
  }

  /** The device is closed, and no longer translated for. */
  release(address: string): void {
    this.devices.delete(address)
    this.#contained.delete(address)
  }

  #unmapEverything(): IoctlResult {
    const flags = vfioConstant.VFIO_DMA_UNMAP_FLAG_ALL
    const request = Type1DmaUnmap.encode({ argsz: Type1DmaUnmap.size, flags, iova: 0n, size: 0n })
    const result = tryIoctl(this.#file.fd, vfioIoctl.VFIO_IOMMU_UNMAP_DMA, request)
    if (result.ok) this.mappings.clear()
    return result
  }

  /** For kernels before 5.12. Goes on after a failure, so that as little as possible stays mapped. */
  #unmapOneByOne(): IoctlResult {
    let outcome: IoctlResult = { ok: true, value: 0 }
    for (const mapping of [...this.mappings]) {
      const { iova, size } = mapping
      const request = Type1DmaUnmap.encode({ argsz: Type1DmaUnmap.size, flags: 0, iova, size })
      const result = tryIoctl(this.#file.fd, vfioIoctl.VFIO_IOMMU_UNMAP_DMA, request)
      if (result.ok) this.mappings.delete(mapping)
      else outcome = result
    }
    return outcome
  }

  /** Whether its last group is gone. */
  get isEmpty(): boolean {
    return this.groups.size === 0
  }

  [Symbol.dispose](): void {
    // The kernel unmaps and unpins everything with the last close.
    this.mappings.clear()
    this.#file[Symbol.dispose]()
  }
}
