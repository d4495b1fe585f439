// One range of the client's memory, and how it is reached: in this process where its file can be mapped and never becomes
// shorter; through the file's own calls where it could; by messages where there is no file.
import { fstatSync } from 'node:fs'
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { DmaAccess, DmaMemory } from '../../function/dma.js'
import { FileBytes, isSealed, longestRange } from '../../linux/file-bytes.js'
import type { FileDescriptor } from '../../linux/file-descriptor.js'
import { readAt, writeAt } from '../../linux/positioned-io.js'
import type { ClientMapping } from './served-device.js'

export interface MappedRange {
  readonly address: bigint
  readonly size: bigint
  readonly access: DmaAccess
  readonly file: FileDescriptor | undefined
  readonly offset: bigint
  /** The client asked for accesses by the file's calls (`VFIO_USER_F_DMA_REGION_FILE_IO`). */
  readonly fileIo: boolean
}

/** All of it as one array is possible up to here: the longest that every supported Node has. */
const longestArray = 1n << 32n

export class MappedClientMemory implements ClientMapping, Disposable {
  readonly address: bigint
  readonly size: bigint
  readonly access: DmaAccess
  readonly file: { readonly fd: number; readonly offset: bigint } | undefined
  readonly #descriptor: FileDescriptor | undefined
  readonly #canView: boolean
  #bytes: FileBytes | undefined
  #cannotMap = false

  /** Takes over the descriptor. */
  constructor({ address, size, access, file, offset, fileIo }: MappedRange) {
    this.address = address
    this.size = size
    this.access = access
    this.#descriptor = file
    this.file = file === undefined ? undefined : { fd: file.fd, offset }
    this.#canView = file !== undefined && !fileIo && isSealed(file.fd)
  }

  get end(): bigint {
    return this.address + this.size
  }

  allows(access: DmaAccess): boolean {
    return this.access === 'read-write' || this.access === access
  }

  /**
   * Maps it now, so that a file that cannot be mapped is refused with its request.
   * @throws QuiesceError `USAGE` if the file is shorter than it should be
   */
  probe(): void {
    if (this.file === undefined) return
    const stat = fstatSync(this.file.fd, { bigint: true })
    if (stat.isFile() && stat.size < this.file.offset + this.size) {
      throw new QuiesceError('USAGE', `Cannot map ${this.size} bytes of a file: it ends before them`)
    }
    if (this.#canView) this.#mapFile()
  }

  memory(): DmaMemory | undefined {
    const bytes = this.#map()
    if (bytes === undefined || this.size >= longestArray) return undefined
    return {
      bytes: bytes.view(0n, Number(this.size)),
      address: bytes.address,
      // The mapping is the server's, and ends with it.
      [Symbol.dispose]: () => {},
    }
  }

  /** A view of a range that lies inside; undefined where there is none that is safe to touch. */
  view(address: bigint, size: number): Uint8Array | undefined {
    if (!this.#canView || size > longestRange) return undefined
    return this.#map()?.view(address - this.address, size)
  }

  /** Reads through the file. False where there is none. */
  readFile(address: bigint, into: Uint8Array): boolean {
    if (this.file === undefined) return false
    this.#assertWhole(readAt(this.file.fd, this.file.offset + address - this.address, into).ok, address)
    return true
  }

  writeFile(address: bigint, from: Uint8Array): boolean {
    if (this.file === undefined) return false
    this.#assertWhole(writeAt(this.file.fd, this.file.offset + address - this.address, from).ok, address)
    return true
  }

  #assertWhole(ok: boolean, address: bigint): void {
    if (ok) return
    throw new QuiesceError('DMA_ACCESS', `Cannot reach 0x${address.toString(16)}: the client's file does not have it`)
  }

  #map(): FileBytes | undefined {
    if (this.file === undefined || this.#cannotMap) return undefined
    try {
      return this.#mapFile()
    } catch {
      this.#cannotMap = true
      return undefined
    }
  }

  #mapFile(): FileBytes | undefined {
    if (this.file === undefined) return undefined
    const access = this.access === 'read' ? 'read' : 'read-write'
    this.#bytes ??= new FileBytes(this.file.fd, this.file.offset, this.size, access)
    return this.#bytes
  }

  [Symbol.dispose](): void {
    this.#bytes?.[Symbol.dispose]()
    this.#cannotMap = true
    this.#descriptor?.[Symbol.dispose]()
  }
}
