// Our memory as somebody else's device reaches it: by files where it can, by messages where it wants to.
import { hex } from '../../bits/hex.js'
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { DmaAccess, DmaBacking, DmaBackingKind, DmaMapping, DmaMemory, DmaSpace } from '../../function/dma.js'
import type { KernelOutcome } from '../../function/kernel-outcome.js'
import { describeErrno, errnoName } from '../../linux/errno.js'
import { FileDescriptor } from '../../linux/file-descriptor.js'
import { readAt, writeAt } from '../../linux/positioned-io.js'
import { SharedMemory } from '../../linux/shared-memory.js'
import { DmaMapFlags, DmaUnmapFlags } from '../messages/flags.js'
import { DmaMap, DmaUnmap } from '../messages/structs.js'
import type { ClientConnection, OwnMemory } from './connection.js'

const pageSize = 4096n
/** The protocol does not say what the device can address. 48 bits are what most can, and x86 guests have no more. */
const apertures = [{ first: 0n, last: (1n << 48n) - 1n }]
const backings: ReadonlySet<DmaBackingKind> = new Set(['memory', 'fd'])

/** Memory that ends its mappings before it gives its pages back. */
class RemoteMemory implements DmaMemory {
  readonly shared: SharedMemory
  readonly #unmap: (memory: RemoteMemory) => void

  constructor(size: bigint, unmap: (memory: RemoteMemory) => void) {
    this.shared = new SharedMemory(size)
    this.#unmap = unmap
  }

  get bytes(): Uint8Array {
    return this.shared.bytes
  }

  get address(): bigint {
    return this.shared.address
  }

  [Symbol.dispose](): void {
    this.#unmap(this)
    this.shared[Symbol.dispose]()
  }
}

interface RemoteMapping extends DmaMapping {
  readonly file: FileDescriptor
  readonly offset: bigint
  readonly memory: DmaMemory | undefined
}

export class RemoteDmaSpace implements DmaSpace, OwnMemory {
  readonly pageSize = pageSize
  readonly apertures = apertures
  readonly backings = backings
  readonly sharedWith: readonly string[] = []
  readonly domain: object = {}
  readonly #connection: ClientConnection
  readonly #mappings = new Set<RemoteMapping>()
  #isContained = false

  constructor(connection: ClientConnection) {
    this.#connection = connection
    connection.memory = this
  }

  get mappings(): readonly DmaMapping[] {
    return [...this.#mappings]
  }

  get mappingsLeft(): number {
    return this.#connection.terms.maxDmaMaps - this.#mappings.size
  }

  allocate(size: bigint): DmaMemory {
    if (size <= 0n || size % pageSize !== 0n) throw this.#conflict(`allocate ${size} bytes for DMA`, 'not whole pages')
    return new RemoteMemory(size, (memory) => {
      for (const mapping of [...this.#mappings]) if (mapping.memory === memory) this.#remove(mapping)
    })
  }

  map(iova: bigint, memory: DmaMemory, access: DmaAccess): DmaMapping {
    return this.mapBacking(iova, BigInt(memory.bytes.byteLength), { memory, offset: 0n }, access)
  }

  mapBacking(iova: bigint, size: bigint, backing: DmaBacking, access: DmaAccess): DmaMapping {
    const action = `map ${size} bytes at ${iova < 0n ? iova : hex(iova, 1)}`
    this.#assertFree(action, iova, size)
    const { fd, offset, memory } = this.#fileOf(action, size, backing)
    if (offset < 0n || offset % pageSize !== 0n)
      throw this.#conflict(action, `offset ${offset} is not the start of a page`)
    const flags = DmaMapFlags.encode({ read: access !== 'write', write: access !== 'read' })
    const payload = { argsz: DmaMap.size, flags, offset, address: iova, size }
    const borrowed = new FileDescriptor(fd, 'memory')
    const file = borrowed.duplicate()
    borrowed.release()
    try {
      this.#connection.ask('DMA_MAP', payload, { code: 'DMA_CONFLICT', action }, [file.fd])
    } catch (error) {
      file[Symbol.dispose]()
      throw error
    }
    const mapping: RemoteMapping = {
      iova,
      size,
      access,
      file,
      offset,
      memory,
      [Symbol.dispose]: () => this.#remove(mapping),
    }
    this.#mappings.add(mapping)
    return mapping
  }

  unmap(iova: bigint, size: bigint): bigint {
    let unmapped = 0n
    for (const mapping of [...this.#mappings]) {
      if (mapping.iova < iova || mapping.iova + mapping.size > iova + size) continue
      this.#remove(mapping)
      unmapped += mapping.size
    }
    return unmapped
  }

  /** Everything at once, and nothing more until it is readmitted. */
  contain(): KernelOutcome {
    const all = DmaUnmapFlags.mask('all')
    const payload = { argsz: DmaUnmap.size, flags: all, address: 0n, size: 0n }
    // What is behind a connection that is over nobody can say any more.
    if (this.#connection.isClosed) return { ok: false, errno: 'ENODEV', message: 'the connection is over' }
    const outcome = this.#connection.try('DMA_UNMAP', payload)
    if (!outcome.ok) return { ok: false, errno: errnoName(outcome.errno), message: describeErrno(outcome.errno) }
    this.#forgetAll()
    this.#isContained = true
    return { ok: true }
  }

  readmit(): void {
    this.#isContained = false
  }

  /** The connection is over, and the server has let go. */
  close(): void {
    this.#forgetAll()
  }

  read(address: bigint, into: Uint8Array): boolean {
    const found = this.#find(address, into.byteLength, 'read')
    return found !== undefined && readAt(found.file.fd, found.at, into).ok
  }

  write(address: bigint, from: Uint8Array): boolean {
    const found = this.#find(address, from.byteLength, 'write')
    return found !== undefined && writeAt(found.file.fd, found.at, from).ok
  }

  #find(address: bigint, size: number, access: DmaAccess): { file: FileDescriptor; at: bigint } | undefined {
    const end = address + BigInt(size)
    for (const { iova, size: length, access: allowed, file, offset } of this.#mappings) {
      const inside = address >= iova && end <= iova + length
      if (inside && (allowed === 'read-write' || allowed === access)) return { file, at: offset + address - iova }
    }
    return undefined
  }

  #assertFree(action: string, iova: bigint, size: bigint): void {
    if (size <= 0n || size % pageSize !== 0n || iova % pageSize !== 0n) throw this.#conflict(action, 'not whole pages')
    const fits = apertures.some(({ first, last }) => iova >= first && iova + size - 1n <= last)
    if (!fits) throw this.#conflict(action, 'it is outside of what a device can address')
    if (this.#isContained) throw this.#conflict(action, 'the device is contained')
    for (const other of this.#mappings) {
      if (iova < other.iova + other.size && other.iova < iova + size)
        throw this.#conflict(action, 'it overlaps a mapping')
    }
  }

  #fileOf(action: string, size: bigint, backing: DmaBacking) {
    if ('fd' in backing) return { fd: backing.fd, offset: backing.offset, memory: undefined }
    if (!('memory' in backing) || !(backing.memory instanceof RemoteMemory)) {
      throw new QuiesceError('UNSUPPORTED', `Cannot ${action}: only a file can be passed to the server`)
    }
    const { memory, offset } = backing
    if (offset + size > BigInt(memory.bytes.byteLength)) throw this.#conflict(action, 'the memory is smaller')
    return { fd: memory.shared.fd, offset, memory }
  }

  #remove(mapping: RemoteMapping): void {
    if (!this.#mappings.has(mapping)) return
    if (this.#connection.isClosed) {
      this.#forget(mapping)
      return
    }
    const { iova, size } = mapping
    const payload = { argsz: DmaUnmap.size, flags: 0, address: iova, size }
    this.#connection.ask('DMA_UNMAP', payload, { code: 'SYSTEM', action: `unmap ${hex(iova, 1)}` })
    this.#forget(mapping)
  }

  #forget(mapping: RemoteMapping): void {
    this.#mappings.delete(mapping)
    mapping.file[Symbol.dispose]()
  }

  #forgetAll(): void {
    for (const mapping of [...this.#mappings]) this.#forget(mapping)
  }

  #conflict(action: string, detail: string): QuiesceError {
    const { address } = this.#connection
    return new QuiesceError('DMA_CONFLICT', `Cannot ${action} for ${address}: ${detail}`, { device: address })
  }
}
