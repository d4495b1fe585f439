// One device's hold on the IOMMU address space of its container.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { DmaAccess, DmaMapping, DmaMemory, DmaSpace } from '../function/dma.js'
import { AnonymousMemory } from '../linux/anonymous-memory.js'
import type { ContainerMapping, VfioContainer } from './container.js'

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

export class VfioDmaSpace implements DmaSpace {
  readonly #device: string
  readonly #container: VfioContainer
  readonly #handles = new WeakMap<ContainerMapping, DmaMapping>()

  constructor(device: string, container: VfioContainer) {
    this.#device = device
    this.#container = container
  }

  get pageSize(): bigint {
    return this.#container.limits.pageSize
  }

  get apertures(): readonly { readonly first: bigint; readonly last: bigint }[] {
    return this.#container.limits.apertures
  }

  get sharedWith(): readonly string[] {
    return [...this.#container.devices].filter((address) => address !== this.#device)
  }

  get mappings(): readonly DmaMapping[] {
    return [...this.#container.mappings].map((mapping) => this.#handle(mapping))
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
      for (const mapping of [...this.#container.mappings]) {
        if (mapping.memory === memory) this.#container.unmap(mapping)
      }
    })
  }

  map(iova: bigint, memory: DmaMemory, access: DmaAccess): DmaMapping {
    if (memory.address === 0n) {
      throw new QuiesceError('USAGE', `Cannot map memory for ${this.#device}: it has no address in this process`)
    }
    const size = BigInt(memory.bytes.byteLength)
    const mapping: ContainerMapping = { iova, size, access, memory, owner: this.#device }
    this.#container.map(mapping)
    return this.#handle(mapping)
  }

  unmap(iova: bigint, size: bigint): bigint {
    // By our own records: type1v2 refuses a range that cuts a mapping in two.
    let unmapped = 0n
    for (const mapping of [...this.#container.mappings]) {
      const inside = mapping.iova >= iova && mapping.iova + mapping.size <= iova + size
      if (inside) unmapped += this.#container.unmap(mapping)
    }
    return unmapped
  }

  /** Ends the mappings that this device made. */
  unmapOwn(): void {
    for (const mapping of [...this.#container.mappings]) {
      if (mapping.owner === this.#device) this.#container.unmap(mapping)
    }
  }

  #handle(mapping: ContainerMapping): DmaMapping {
    const known = this.#handles.get(mapping)
    if (known !== undefined) return known
    const handle: DmaMapping = {
      iova: mapping.iova,
      size: mapping.size,
      access: mapping.access,
      [Symbol.dispose]: () => {
        this.#container.unmap(mapping)
      },
    }
    this.#handles.set(mapping, handle)
    return handle
  }
}
