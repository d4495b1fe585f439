import { QuiesceError } from '../errors/quiesce-error.js'
import type { DmaAccess, DmaBacking, DmaBackingKind, DmaMapping, DmaMemory, DmaSpace } from '../function/dma.js'
import type { Faults } from './faults.js'
import type { IommuDomain, IommuMapping } from './iommu.js'
import type { Ledger } from './ledger.js'
import { SimulatedMemory } from './simulated-memory.js'
import type { VirtualClock } from './virtual-clock.js'

const pageSize = 4096n

/** What an x86 IOMMU translates: 48 bits, without the window that interrupts are written to. */
const apertures = [
  { first: 0n, last: 0xfedf_ffffn },
  { first: 0xfef0_0000n, last: (1n << 48n) - 1n },
]

export interface DmaSpaceParts {
  readonly device: string
  readonly domain: IommuDomain
  readonly clock: VirtualClock
  readonly ledger: Ledger
  readonly faults: Faults
}

const backings: ReadonlySet<DmaBackingKind> = new Set(['memory'])

/** A device's memory mappings, as a view of a domain that it may share. */
export class SimulatedDmaSpace implements DmaSpace {
  readonly pageSize = pageSize
  readonly apertures = apertures
  readonly backings = backings
  readonly domain: IommuDomain
  readonly #parts: DmaSpaceParts
  readonly #handles = new WeakMap<IommuMapping, DmaMapping>()
  /** Those that end with this device. */
  readonly #own = new WeakSet<DmaMapping>()

  constructor(parts: DmaSpaceParts) {
    this.#parts = parts
    this.domain = parts.domain
  }

  get sharedWith(): readonly string[] {
    return [...this.domain.members].filter((member) => member !== this.#parts.device)
  }

  get mappingsLeft(): number | undefined {
    return this.domain.mappingsLeft
  }

  get mappings(): readonly DmaMapping[] {
    return this.domain.mappings.map((mapping) => this.#handle(mapping))
  }

  allocate(size: bigint): DmaMemory {
    return new SimulatedMemory(size)
  }

  map(iova: bigint, memory: DmaMemory, access: DmaAccess): DmaMapping {
    const mapping = this.mapBacking(iova, BigInt(memory.bytes.byteLength), { memory, offset: 0n }, access)
    this.#own.add(mapping)
    return mapping
  }

  mapBacking(iova: bigint, size: bigint, backing: DmaBacking, access: DmaAccess): DmaMapping {
    const { device } = this.#parts
    const what = `map 0x${iova.toString(16)}-0x${(iova + size - 1n).toString(16)}`
    if (!('memory' in backing)) {
      throw new QuiesceError('UNSUPPORTED', `Cannot ${what}: the simulator maps memory of this process only`, {
        device,
      })
    }
    const { memory, offset } = backing
    const conflict = this.#conflict(iova, size) ?? beyond(memory, offset, size)
    if (conflict !== undefined) throw new QuiesceError('DMA_CONFLICT', `Cannot ${what}: ${conflict}`, { device })
    this.#assertTakesMemory(what)
    if (memory instanceof SimulatedMemory && memory.isDisposed) {
      throw new QuiesceError('CLOSED', `Cannot ${what}: the memory is disposed`, { device })
    }
    const bytes = memory.bytes.subarray(Number(offset), Number(offset + size))
    const mapping: IommuMapping = { iova, size, access, bytes }
    this.domain.add(mapping)
    this.#record('map', iova, size)
    return this.#handle(mapping)
  }

  unmap(iova: bigint, size: bigint): bigint {
    const inside = this.domain.mappings.filter(
      (mapping) => mapping.iova >= iova && mapping.iova + mapping.size <= iova + size,
    )
    for (const mapping of inside) this.#remove(mapping)
    return inside.reduce((total, mapping) => total + mapping.size, 0n)
  }

  /**
   * `VFIO_IOMMU_UNMAP_DMA` with `VFIO_DMA_UNMAP_FLAG_ALL`; the errno if it fails. Nothing is mapped again before the
   * device is released.
   */
  unmapAll(): string | undefined {
    const fails = this.#parts.faults.get('unmap-fails')
    if (fails !== false && this.domain.mappings.length > 0) return fails
    for (const { iova, size } of this.domain.mappings) this.#record('unmap', iova, size)
    this.domain.clear()
    this.domain.contained.add(this.#parts.device)
    return undefined
  }

  /**
   * The device reaches memory again through what is mapped from now on; the errno while another contained device would
   * reach it too.
   */
  readmit(): string | undefined {
    const { contained } = this.domain
    contained.delete(this.#parts.device)
    return contained.size > 0 ? 'EBUSY' : undefined
  }

  /** The device is closed: it is no member of the domain any more. What it mapped for itself ends, and all with the last. */
  release(): void {
    this.domain.members.delete(this.#parts.device)
    this.domain.contained.delete(this.#parts.device)
    const isLast = this.domain.members.size === 0
    for (const mapping of [...this.domain.mappings]) {
      if (!isLast && !this.#own.has(this.#handle(mapping))) continue
      this.domain.remove(mapping)
      this.#record('unmap', mapping.iova, mapping.size)
    }
  }

  #assertTakesMemory(what: string): void {
    const { device } = this.#parts
    if (this.domain.mappingsLeft === 0) {
      throw new QuiesceError('SYSTEM', `Cannot ${what} for ${device}: the IOMMU takes no more mappings`, {
        device,
        syscall: 'ioctl(VFIO_IOMMU_MAP_DMA)',
        errno: 28,
        errnoName: 'ENOSPC',
      })
    }
    const [contained] = this.domain.contained
    if (contained === undefined) return
    const detail = contained === device ? 'it is contained' : `${contained} in the same container is contained`
    throw new QuiesceError('DMA_CONFLICT', `Cannot ${what} for ${device}: ${detail}`, {
      device,
      hint: `Close ${contained} first`,
    })
  }

  #conflict(iova: bigint, size: bigint): string | undefined {
    if (iova % pageSize !== 0n || size % pageSize !== 0n) return `it is not aligned to ${pageSize} bytes`
    const fits = apertures.some(({ first, last }) => iova >= first && iova + size - 1n <= last)
    if (!fits) return 'the IOMMU cannot translate it'
    return this.domain.overlaps(iova, size) ? 'it overlaps a mapping' : undefined
  }

  #handle(mapping: IommuMapping): DmaMapping {
    const known = this.#handles.get(mapping)
    if (known !== undefined) return known
    const { iova, size, access } = mapping
    const handle: DmaMapping = { iova, size, access, [Symbol.dispose]: () => this.#remove(mapping) }
    this.#handles.set(mapping, handle)
    return handle
  }

  #remove(mapping: IommuMapping): void {
    if (!this.domain.mappings.includes(mapping)) return
    const fails = this.#parts.faults.get('unmap-fails')
    if (fails !== false) {
      throw new QuiesceError('SYSTEM', `Cannot unmap 0x${mapping.iova.toString(16)}: the IOMMU refused`, {
        device: this.#parts.device,
        syscall: 'ioctl(VFIO_IOMMU_UNMAP_DMA)',
        errnoName: fails,
      })
    }
    this.domain.remove(mapping)
    this.#record('unmap', mapping.iova, mapping.size)
  }

  #record(what: 'map' | 'unmap', iova: bigint, size: bigint): void {
    this.#parts.ledger.record({ kind: 'iommu', at: this.#parts.clock.now(), what, iova, size })
  }
}

function beyond(memory: DmaMemory, offset: bigint, size: bigint): string | undefined {
  if (offset % pageSize !== 0n) return `its offset in the memory is not aligned to ${pageSize} bytes`
  const isInside = offset >= 0n && size > 0n && offset + size <= BigInt(memory.bytes.byteLength)
  return isInside ? undefined : 'the memory ends before it'
}
