import type { DmaAccess } from '../function/dma.js'

/** The memory of whoever drives the device, as the server that carries it offers it: its mappings, and nothing else. */
export interface ClientMemory {
  /**
   * A range as bytes of this process, good until the next `await`. Undefined where the range is not in one mapping that
   * allows the access, or is to be reached by messages.
   */
  view(address: bigint, size: number, access: DmaAccess): Uint8Array | undefined
  /** Reads, at once or by messages. @throws QuiesceError where it may not, or the client does not answer */
  read(address: bigint, into: Uint8Array): void | Promise<void>
  /** Writes; a promise is resolved when the client has answered. @throws QuiesceError as `read` does */
  write(address: bigint, from: Uint8Array): void | Promise<void>
  /** Bytes were written through a view: they are dirty to a client that migrates. */
  markDirty(address: bigint, size: number): void
}
