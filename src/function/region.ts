/** VFIO's fixed region indexes of a PCI function (`VFIO_PCI_*_REGION_INDEX`). */
export const regionIndex = { bar0: 0, bar1: 1, bar2: 2, bar3: 3, bar4: 4, bar5: 5, rom: 6, config: 7, vga: 8 } as const

/** A part of a region. */
export interface RegionArea {
  readonly offset: bigint
  readonly size: bigint
}

/** A part of a region as a dma-buf, for the IOMMU of another device. Disposing it closes the descriptor. */
export interface SharedArea extends Disposable {
  readonly fd: number
}

/** A BAR, the expansion ROM, or VGA space. Accesses are of 1, 2, 4 or 8 bytes, naturally aligned. */
export interface Region {
  readonly index: number
  /** Bytes; 0 where the function does not implement it. */
  readonly size: bigint
  readonly readable: boolean
  readonly writable: boolean
  /** What a VMM may map into its guest; empty where every access must be trapped. */
  readonly mappable: readonly RegionArea[]
  /** Where the mappable areas lie, for a VMM that maps them itself. */
  readonly file: { readonly fd: number; readonly offset: bigint } | undefined
  /**
   * Shares a part of it, by whole pages, with other devices (peer to peer). Undefined where kernel or maker cannot.
   * The kernel revokes it whenever the device is reset or does not decode. What was mapped of it is then gone for good,
   * though it is listed still; once the device decodes again, it can be unmapped and mapped anew.
   */
  readonly share: ((area: RegionArea) => SharedArea) | undefined
  /**
   * Fills `into` from `offset`. @throws QuiesceError `REGION_ACCESS` outside the region, and while memory decoding
   * is off or the device is not in D0 (EIO from the kernel)
   */
  read(offset: bigint, into: Uint8Array): void
  /** Writes `from` at `offset`. @throws QuiesceError as `read` does */
  write(offset: bigint, from: Uint8Array): void
}
