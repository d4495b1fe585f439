/** The widths of a config access, in bytes. VFIO takes no other, and an access never crosses a dword. */
export type AccessWidth = 1 | 2 | 4

/**
 * A function's configuration space as its owner reaches it: what VFIO virtualizes stays virtualized.
 *
 * Synchronous on purpose: an access takes microseconds, and the reset procedure must not be interleaved with itself
 * between a read and the write that derives from it.
 */
export interface ConfigSpace {
  /** 256 for conventional PCI, 4096 for PCI Express. */
  readonly size: number
  /**
   * Reads `width` bytes at `offset`, unsigned. A device that is gone often reads as all ones without an error.
   * @throws QuiesceError `CONFIG_ACCESS` if the access failed
   */
  read(offset: number, width: AccessWidth): number
  /**
   * Writes `width` bytes at `offset`. That it returns does not mean that the bits took: read back.
   * @throws QuiesceError `CONFIG_ACCESS` if the access failed
   */
  write(offset: number, width: AccessWidth, value: number): void
}
