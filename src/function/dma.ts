/** What a device may do with the memory of a mapping. */
export type DmaAccess = 'read' | 'write' | 'read-write'

/** Memory of this process that can be mapped for DMA. */
export interface DmaMemory extends Disposable {
  readonly bytes: Uint8Array
  /** Where it lies in this process; 0n in a simulator. */
  readonly address: bigint
}

/** One IOVA range that the device can reach. Disposing it unmaps it. */
export interface DmaMapping extends Disposable {
  readonly iova: bigint
  readonly size: bigint
  readonly access: DmaAccess
}

/** The device's view of memory through the IOMMU: a VFIO container, an IOAS, or the simulator's. */
export interface DmaSpace {
  /** The smallest mapping, in bytes; every IOVA and size is a multiple of it. */
  readonly pageSize: bigint
  /** IOVA ranges that the IOMMU can translate. */
  readonly apertures: readonly { readonly first: bigint; readonly last: bigint }[]
  /** Other devices that see the same mappings. */
  readonly sharedWith: readonly string[]
  readonly mappings: readonly DmaMapping[]
  /** Zeroed, page-aligned memory. Lives until disposed, after every mapping of it. */
  allocate(size: bigint): DmaMemory
  /**
   * Maps all of `memory` at `iova`.
   * @throws QuiesceError `DMA_CONFLICT` if unaligned or overlapping, `MEMLOCK` if the limit on pinned memory forbids it
   */
  map(iova: bigint, memory: DmaMemory, access: DmaAccess): DmaMapping
  /** Unmaps whatever lies wholly inside the range; returns how many bytes. */
  unmap(iova: bigint, size: bigint): bigint
}
