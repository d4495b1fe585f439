// One IOMMU address space and everything that is mapped in it: what the devices of a container, or of an IOAS, share.
import type { DmaAccess, DmaBacking, DmaMapping, DmaMemory } from '../function/dma.js'
import type { KernelOutcome } from '../function/kernel-outcome.js'
import type { IoctlResult } from '../linux/ioctl.js'
import { memlockLimit } from '../linux/process-limits.js'
import { systemCallError } from '../linux/system-call-error.js'
import { ContainedDevices } from './contained-devices.js'
import { mapDmabuf, mapHere, mapOpenFile, type Placed } from './dma-backings.js'
import { mapError } from './dma-errors.js'
import { checkRange } from './dma-range.js'
import type { Iommu, IommuLimits } from './iommu.js'
import { SortedRanges } from './sorted-ranges.js'

export interface WantedMapping {
  readonly iova: bigint
  readonly size: bigint
  readonly access: DmaAccess
  /** The device that asks for it. */
  readonly owner: string
}

/** A mapping that the kernel holds. */
export class DomainMapping implements DmaMapping {
  readonly iova: bigint
  readonly size: bigint
  readonly access: DmaAccess
  readonly owner: string
  /** The memory that it is of, where it was allocated for DMA. */
  readonly memory: DmaMemory | undefined
  /** What has to stay for as long as the mapping does. */
  readonly held: Disposable | undefined
  readonly #domain: DmaDomain

  constructor(domain: DmaDomain, wanted: WantedMapping, memory: DmaMemory | undefined, held: Disposable | undefined) {
    this.#domain = domain
    this.iova = wanted.iova
    this.size = wanted.size
    this.access = wanted.access
    this.owner = wanted.owner
    this.memory = memory
    this.held = held
  }

  [Symbol.dispose](): void {
    this.#domain.unmap(this)
  }
}

export class DmaDomain {
  /** Addresses of the open devices whose DMA it translates. */
  readonly devices = new Set<string>()
  readonly #iommu: Iommu
  readonly #mappings = new SortedRanges<DomainMapping>()
  readonly #contained = new ContainedDevices()
  #limits: IommuLimits | undefined

  constructor(iommu: Iommu) {
    this.#iommu = iommu
  }

  /** Page size and apertures; read again after each device that joins, since that narrows them. */
  get limits(): IommuLimits {
    this.#limits ??= this.#iommu.readLimits()
    return this.#limits
  }

  forgetLimits(): void {
    this.#limits = undefined
  }

  get mappingsLeft(): number | undefined {
    return this.#iommu.readMappingsLeft()
  }

  /** Whether files are mapped without being mapped into this process. */
  get mapsFiles(): boolean {
    return this.#iommu.mapFile !== undefined
  }

  get mappings(): Iterable<DomainMapping> {
    return this.#mappings
  }

  inside(iova: bigint, size: bigint): readonly DomainMapping[] {
    return this.#mappings.inside(iova, size)
  }

  /** @throws QuiesceError `DMA_CONFLICT`, `MEMLOCK`, `UNSUPPORTED` */
  map(wanted: WantedMapping, backing: DmaBacking): DomainMapping {
    const { iova, size, owner } = wanted
    checkRange(owner, iova, size, this.limits, this.#mappings)
    this.#contained.check(owner, iova, size)
    const placed = this.#place(wanted, backing)
    if (!placed.ok) {
      // The limit is of the memory of this process; a device's own memory is not pinned.
      throw mapError(wanted, placed.syscall, placed.errno, 'dmabuf' in backing ? undefined : memlockLimit())
    }
    const memory = 'memory' in backing ? backing.memory : undefined
    const mapping = new DomainMapping(this, wanted, memory, placed.held)
    this.#mappings.add(mapping)
    return mapping
  }

  #place(wanted: WantedMapping, backing: DmaBacking): Placed {
    if ('fd' in backing) return mapOpenFile(this.#iommu, wanted, backing.fd, backing.offset)
    if ('dmabuf' in backing) return mapDmabuf(this.#iommu, wanted, backing.dmabuf, backing.offset)
    return mapHere(this.#iommu, wanted, backing)
  }

  /** Ends one mapping; returns how many bytes the kernel unmapped. Does nothing where it has ended already. */
  unmap(mapping: DomainMapping): bigint {
    if (!this.#mappings.has(mapping)) return 0n
    const result = this.#iommu.unmap(mapping)
    if (!result.ok) {
      throw systemCallError({ action: `unmap DMA of ${mapping.owner}`, syscall: result.syscall, errno: result.errno })
    }
    this.#forget(mapping)
    return mapping.size
  }

  /**
   * Ends every mapping, whoever made it, and takes no other until the device is readmitted or released: neither it nor
   * any other device here reaches any memory meanwhile.
   */
  cutOff(address: string): IoctlResult {
    const result = this.#iommu.unmapAll?.() ?? this.#unmapOneByOne()
    if (!result.ok) return result
    this.#contained.add(address)
    this.forgetMappings()
    return result
  }

  /** For kernels before 5.12. Goes on after a failure, so that as little as possible stays mapped. */
  #unmapOneByOne(): IoctlResult {
    let outcome: IoctlResult = { ok: true, value: 0 }
    for (const mapping of this.#mappings) {
      const result = this.#iommu.unmap(mapping)
      if (result.ok) this.#forget(mapping)
      else outcome = result
    }
    return outcome
  }

  /** Whether memory can be mapped: no device in it is contained. */
  get takesMemory(): boolean {
    return this.#contained.isEmpty
  }

  /** Takes memory again, as far as this device is concerned. */
  readmit(address: string): KernelOutcome {
    this.#contained.delete(address)
    return this.#contained.isEmpty ? { ok: true } : this.#contained.refusal()
  }

  /** The device is closed, and no longer translated for. */
  release(address: string): void {
    this.devices.delete(address)
    this.#contained.delete(address)
  }

  /** The kernel has unmapped everything: what was kept for it can go. */
  forgetMappings(): void {
    for (const { held } of this.#mappings.clear()) held?.[Symbol.dispose]()
  }

  #forget(mapping: DomainMapping): void {
    this.#mappings.delete(mapping)
    mapping.held?.[Symbol.dispose]()
  }
}
