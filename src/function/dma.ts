/** What a device may do with the memory of a mapping. */
export type DmaAccess = 'read' | 'write' | 'read-write'

/** Memory of this process that can be mapped for DMA. */
export interface DmaMemory extends Disposable {
  readonly bytes: Uint8Array
  /** Where it lies in this process; 0n in a simulator. */
  readonly address: bigint
}

/** Where the memory of a mapping lies. An offset counts from the start of what it is an offset into. */
export type DmaBacking =
  /** Memory that a `DmaSpace` allocated: what a simulator takes, and every other maker too. */
  | { readonly memory: DmaMemory; readonly offset: bigint }
  /** A file that holds memory: memfd, hugetlbfs, shmem. It need not be mapped in this process. */
  | { readonly fd: number; readonly offset: bigint }
  /** Memory of this process, which stays where it is for as long as the mapping lives. */
  | { readonly hostAddress: bigint }
  /** A part of another device, shared as a dma-buf: peer to peer. */
  | { readonly dmabuf: number; readonly offset: bigint }

export type DmaBackingKind = 'memory' | 'fd' | 'hostAddress' | 'dmabuf'

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
  /** The same object for all spaces that are one and the same to the IOMMU: devices that share a container or IOAS. */
  readonly domain: object
  /** What kinds of memory can be mapped here. */
  readonly backings: ReadonlySet<DmaBackingKind>
  /** How many more mappings it takes; undefined where nothing limits them, or the kernel does not say. */
  readonly mappingsLeft: number | undefined
  readonly mappings: readonly DmaMapping[]
  /** Zeroed, page-aligned memory. Lives until disposed, after every mapping of it. */
  allocate(size: bigint): DmaMemory
  /**
   * Maps all of `memory` at `iova`, until it is disposed, or the memory, or the device.
   * @throws QuiesceError `DMA_CONFLICT` if unaligned or overlapping, `MEMLOCK` if the limit on pinned memory forbids it
   */
  map(iova: bigint, memory: DmaMemory, access: DmaAccess): DmaMapping
  /**
   * Maps `size` bytes of `backing` at `iova`. The mapping is the domain's: it lasts until it is disposed or the last
   * device has left the domain, and does not end with the device that it was made through. Disposing it later than that
   * does nothing.
   * @throws QuiesceError as `map` does; `UNSUPPORTED` if the backing is of a kind that cannot be mapped here
   */
  mapBacking(iova: bigint, size: bigint, backing: DmaBacking, access: DmaAccess): DmaMapping
  /** Unmaps whatever lies wholly inside the range; returns how many bytes. */
  unmap(iova: bigint, size: bigint): bigint
}
