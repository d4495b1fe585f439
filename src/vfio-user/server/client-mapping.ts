// One range of the client's memory, and how it is reached: in this process where its file can be mapped and never becomes
// shorter; through the file's own calls where it could; by messages where there is no file.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { DmaAccess, DmaMemory } from '../../function/dma.js'
import { errnoName } from '../../linux/errno.js'
import { FileBytes, longestRange } from '../../linux/file-bytes.js'
import { readAt, type TransferResult, writeAt } from '../../linux/positioned-io.js'
import { pageSize } from '../../linux/process-limits.js'
import type { ClientFile } from './client-files.js'
import type { ClientMapping } from './served-device.js'

export interface MappedRange {
  readonly address: bigint
  readonly size: bigint
  readonly access: DmaAccess
  readonly file: ClientFile | undefined
  readonly offset: bigint
  /** The client asked for accesses by the file's calls (`VFIO_USER_F_DMA_REGION_FILE_IO`). */
  readonly fileIo: boolean
}

/** All of it as one array is possible up to here: the longest that every supported Node has. */
const longestArray = 1n << 32n

export class MappedClientMemory implements ClientMapping, Disposable {
  readonly address: bigint
  readonly size: bigint
  readonly end: bigint
  readonly access: DmaAccess
  readonly file: { readonly fd: number; readonly offset: bigint } | undefined
  readonly #file: ClientFile | undefined
  readonly #offset: bigint
  readonly #isViewed: boolean
  /** All of the file. */
  #bytes: FileBytes | undefined
  /** The range alone, for a device that wants it as one. */
  #own: FileBytes | undefined

  /** Takes over the use of the file. */
  constructor({ address, size, access, file, offset, fileIo }: MappedRange) {
    this.address = address
    this.size = size
    this.end = address + size
    this.access = access
    this.#file = file
    this.#offset = offset
    this.file = file === undefined ? undefined : { fd: file.fd, offset }
    this.#isViewed = file?.isSealed === true && !fileIo
  }

  allows(access: DmaAccess): boolean {
    return this.access === 'read-write' || this.access === access
  }

  /**
   * Maps it now, so that a file that cannot be mapped is refused with its request.
   * @throws QuiesceError `USAGE` if the file is shorter than it should be
   */
  probe(): void {
    if (this.#file === undefined) return
    this.#file.assertHolds(this.#offset + this.size)
    if (!this.#isViewed) return
    if (this.#offset % BigInt(pageSize()) !== 0n) {
      throw new QuiesceError('USAGE', `Cannot map a file from byte ${this.#offset} on: not by whole pages`)
    }
    this.#bytes = this.#file.bytes(this.#offset + this.size, this.#protection)
  }

  memory(): DmaMemory | undefined {
    // Whatever touches it must not be ended by the client's cutting it short.
    if (this.#file === undefined || this.size >= longestArray || !this.#file.seal()) return undefined
    try {
      this.#file.assertHolds(this.#offset + this.size)
      this.#own ??= new FileBytes(this.#file.fd, this.#offset, this.size, this.#protection)
    } catch {
      return undefined
    }
    return {
      bytes: this.#own.view(0n, Number(this.size)),
      address: this.#own.address,
      // The mapping is the server's, and ends with it.
      [Symbol.dispose]: () => {},
    }
  }

  /** A view of a range that lies inside; undefined where there is none that is safe to touch. */
  view(address: bigint, size: number): Uint8Array | undefined {
    if (size > longestRange) return undefined
    return this.#bytes?.view(this.#offset + address - this.address, size)
  }

  /** Reads through the file. False where it has to go by messages. */
  readFile(address: bigint, into: Uint8Array): boolean {
    if (this.#file?.isRegular !== true) return false
    return this.#isDone(readAt(this.#file.fd, this.#offset + address - this.address, into), address)
  }

  writeFile(address: bigint, from: Uint8Array): boolean {
    if (this.#file?.isRegular !== true) return false
    return this.#isDone(writeAt(this.#file.fd, this.#offset + address - this.address, from), address)
  }

  get #protection(): 'read' | 'read-write' {
    return this.access === 'read' ? 'read' : 'read-write'
  }

  #isDone(result: TransferResult, address: bigint): boolean {
    if (result.ok) return true
    // A file that cannot do that, as hugetlbfs cannot be written; its owner can reach what is in it.
    if (result.errno !== undefined && errnoName(result.errno) === 'EINVAL') return false
    throw new QuiesceError('DMA_ACCESS', `Cannot reach 0x${address.toString(16)}: the client's file does not have it`)
  }

  [Symbol.dispose](): void {
    this.#own?.[Symbol.dispose]()
    this.#bytes = undefined
    this.#file?.[Symbol.dispose]()
  }
}
