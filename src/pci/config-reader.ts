/** What the decoder needs of a configuration space: a live function, a file of sysfs and a dump all fit. */
export interface ConfigReader {
  /** Bytes that can be read: 64, 256 or 4096. */
  readonly size: number
  /** Reads `width` bytes at `offset`, unsigned, little-endian; the access never crosses a dword. */
  read(offset: number, width: 1 | 2 | 4): number
}
