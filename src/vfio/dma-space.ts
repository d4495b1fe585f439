// One device's hold on the IOMMU address space that it is in.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { DmaAccess, DmaBacking, DmaBackingKind, DmaMapping, DmaMemory, DmaSpace } from '../function/dma.js'
import { AnonymousMemory } from '../linux/anonymous-memory.js'
import type { DmaDomain } from './dma-domain.js'

/** Memory that ends its mappings before it gives its pages back. */
class MappedMemory implements DmaMemory {
  readonly #memory: AnonymousMemory
  readonly #unmap: (memory: DmaMemory) => void

  constructor(size: number, unmap: (memory: DmaMemory) => void) {
    this.#memory = new AnonymousMemory(size)
    this.#unmap = unmap
  }

  get bytes(): Uint8Array {
    return this.#memory.bytes
  }

  get address(): bigint {
    return this.#memory.address
  }

  [Symbol.dispose](): void {
    this.#unmap(this)
    this.#memory[Symbol.dispose]()
  }
}

const ordinary: readonly DmaBackingKind[] = ['memory', 'fd', 'hostAddress']

export class VfioDmaSpace implements DmaSpace {
  readonly domain: DmaDomain
  readonly backings: ReadonlySet<DmaBackingKind>
  readonly #device: string
  /** Those that end with this device. */
  readonly #own = new WeakSet<DmaMapping>()

  /** @param kernelSharesRegions whether the kernel makes dma-bufs of BARs: what makes them takes them, too (Linux 6.19) */
  constructor(device: string, domain: DmaDomain, kernelSharesRegions: boolean) {
    this.#device = device
    this.domain = domain
    this.backings = new Set(domain.mapsFiles && kernelSharesRegions ? [...ordinary, 'dmabuf'] : ordinary)
  }

  get pageSize(): bigint {
    return this.domain.limits.pageSize
  }

  get apertures(): readonly { readonly first: bigint; readonly last: bigint }[] {
    return this.domain.limits.apertures
  }

  get sharedWith(): readonly string[] {
    return [...this.domain.devices].filter((address) => address !== this.#device)
  }

  get mappingsLeft(): number | undefined {
    return this.domain.mappingsLeft
  }

  get mappings(): readonly DmaMapping[] {
    return [...this.domain.mappings]
  }

  allocate(size: bigint): DmaMemory {
    if (size <= 0n || size % this.pageSize !== 0n) {
      throw new QuiesceError(
        'DMA_CONFLICT',
        `Cannot allocate ${size} bytes for DMA: it is not a positive multiple of the page size (${this.pageSize})`,
        { device: this.#device },
      )
    }
    return new MappedMemory(Number(size), (memory) => {
      for (const mapping of this.domain.mappings) {
        if (mapping.memory === memory) this.domain.unmap(mapping)
      }
    })
  }

  map(iova: bigint, memory: DmaMemory, access: DmaAccess): DmaMapping {
    const mapping = this.mapBacking(iova, BigInt(memory.bytes.byteLength), { memory, offset: 0n }, access)
    this.#own.add(mapping)
    return mapping
  }

  mapBacking(iova: bigint, size: bigint, backing: DmaBacking, access: DmaAccess): DmaMapping {
    return this.domain.map({ iova, size, access, owner: this.#device }, backing)
  }

  unmap(iova: bigint, size: bigint): bigint {
    // By our own records: the kernel refuses a range that cuts a mapping in two.
    let unmapped = 0n
    for (const mapping of this.domain.inside(iova, size)) unmapped += this.domain.unmap(mapping)
    return unmapped
  }

  /** Ends what this device has mapped by `map`; what it has mapped by `mapBacking` is the domain's. */
  unmapOwn(): void {
    for (const mapping of this.domain.mappings) if (this.#own.has(mapping)) this.domain.unmap(mapping)
  }
}
