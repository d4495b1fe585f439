/** VFIO's fixed region indexes of a PCI function (`VFIO_PCI_*_REGION_INDEX`). */
export const regionIndex = { bar0: 0, bar1: 1, bar2: 2, bar3: 3, bar4: 4, bar5: 5, rom: 6, config: 7, vga: 8 } as const

/** A part of a region. */
export interface RegionArea {
  readonly offset: bigint
  readonly size: bigint
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
   * Fills `into` from `offset`. @throws QuiesceError `REGION_ACCESS` outside the region, and while memory decoding
   * is off or the device is not in D0 (EIO from the kernel)
   */
  read(offset: bigint, into: Uint8Array): void
  /** Writes `from` at `offset`. @throws QuiesceError as `read` does */
  write(offset: bigint, from: Uint8Array): void
}
