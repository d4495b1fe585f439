import type { ClientMemory } from '../kit/client-memory.js'
import type { MemoryPath } from './bus-master.js'
import type { IommuTransfer } from './iommu.js'

const pageSize = 4096

/**
 * A client's memory as simulated hardware reaches it: at once, so reads are of shared memory only. Writes to memory that
 * is not shared are posted.
 */
export class ClientPath implements MemoryPath {
  readonly #memory: ClientMemory

  constructor(memory: ClientMemory) {
    this.#memory = memory
  }

  write(iova: bigint, from: Uint8Array): IommuTransfer {
    return this.#walk(iova, from.length, (address, at, length) => {
      const part = from.subarray(at, at + length)
      const shared = this.#memory.view(address, length, 'write')
      if (shared === undefined) return this.#post(address, part)
      shared.set(part)
      this.#memory.markDirty(address, length)
      return true
    })
  }

  read(iova: bigint, into: Uint8Array): IommuTransfer {
    return this.#walk(iova, into.length, (address, at, length) => {
      const shared = this.#memory.view(address, length, 'read')
      if (shared !== undefined) into.set(shared, at)
      return shared !== undefined
    })
  }

  #post(address: bigint, part: Uint8Array): boolean {
    try {
      // A posted write has no answer: what becomes of it, the device never learns (PCIe 6.0 2.4.1).
      void Promise.resolve(this.#memory.write(address, part)).catch(() => {})
      return true
    } catch {
      return false
    }
  }

  /** By pages: none of them is in two mappings. */
  #walk(iova: bigint, length: number, move: (address: bigint, at: number, length: number) => boolean): IommuTransfer {
    let moved = 0
    while (moved < length) {
      const address = iova + BigInt(moved)
      const part = Math.min(length - moved, pageSize - Number(address % BigInt(pageSize)))
      if (!move(address, moved, part)) return { moved, fault: 'iommu-unmapped' }
      moved += part
    }
    return { moved, fault: undefined }
  }
}
