// The IOMMU: a domain holds mappings, an attachment says which domain a function's requests go through. Detached is
// the blocking domain: every request faults.
import type { DmaAccess } from '../function/dma.js'
import type { BlockReason } from './ledger-entry.js'

export interface IommuMapping {
  readonly iova: bigint
  readonly size: bigint
  readonly access: DmaAccess
  readonly bytes: Uint8Array
}

/** How far a request got: the bytes before a fault have been moved. */
export interface IommuTransfer {
  readonly moved: number
  readonly fault: BlockReason | undefined
}

/** An I/O address space, of one device or shared by several. */
export class IommuDomain {
  #mappings: IommuMapping[] = []
  /** Addresses of the functions attached to it. */
  readonly members = new Set<string>()
  /** Those of them that were cut off by unmapping everything; while there is one, nothing is mapped. */
  readonly contained = new Set<string>()
  readonly #limit: number | undefined

  /** Takes `limit` mappings at most, as type 1 containers do; any number if not given. */
  constructor(limit?: number) {
    this.#limit = limit
  }

  get mappingsLeft(): number | undefined {
    return this.#limit === undefined ? undefined : Math.max(0, this.#limit - this.#mappings.length)
  }

  get mappings(): readonly IommuMapping[] {
    return this.#mappings
  }

  overlaps(iova: bigint, size: bigint): boolean {
    return this.#mappings.some((mapping) => iova < mapping.iova + mapping.size && mapping.iova < iova + size)
  }

  add(mapping: IommuMapping): void {
    this.#mappings.push(mapping)
  }

  remove(mapping: IommuMapping): boolean {
    const at = this.#mappings.indexOf(mapping)
    if (at >= 0) this.#mappings.splice(at, 1)
    return at >= 0
  }

  clear(): void {
    this.#mappings = []
  }

  find(iova: bigint): IommuMapping | undefined {
    return this.#mappings.find((mapping) => iova >= mapping.iova && iova < mapping.iova + mapping.size)
  }
}

/** What stands between one function and memory. */
export class IommuAttachment {
  domain: IommuDomain | undefined

  write(iova: bigint, from: Uint8Array): IommuTransfer {
    return this.#walk(iova, from.length, 'write', (memory, at, done) => {
      memory.set(from.subarray(done, done + memory.length - at), at)
    })
  }

  read(iova: bigint, into: Uint8Array): IommuTransfer {
    return this.#walk(iova, into.length, 'read', (memory, at, done) => {
      into.set(memory.subarray(at, at + into.length - done), done)
    })
  }

  #walk(
    iova: bigint,
    length: number,
    needed: 'read' | 'write',
    move: (memory: Uint8Array, at: number, done: number) => void,
  ): IommuTransfer {
    let moved = 0
    while (moved < length) {
      if (this.domain === undefined) return { moved, fault: 'iommu-detached' }
      const here = iova + BigInt(moved)
      const mapping = this.domain.find(here)
      if (mapping === undefined) return { moved, fault: 'iommu-unmapped' }
      if (mapping.access !== 'read-write' && mapping.access !== needed) return { moved, fault: 'iommu-access' }
      const at = Number(here - mapping.iova)
      move(mapping.bytes, at, moved)
      moved += Math.min(length - moved, Number(mapping.size) - at)
    }
    return { moved, fault: undefined }
  }
}
