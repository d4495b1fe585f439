// Memory as clients give it, for what stands behind a server: files that several descriptors mean.
import { closeSync, openSync } from 'node:fs'
import type { DmaAccess, DmaSpace } from '../../src/function/dma.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import type { ClientMapping } from '../../src/vfio-user/server/served-device.js'

export const page = 0x1000n

export interface Piece {
  readonly address: bigint
  readonly size: bigint
  readonly offset?: bigint
  readonly access?: DmaAccess
}

export interface GivenMapping extends ClientMapping, Disposable {
  /** How often the memory was asked for in this process. */
  readonly looked: number
}

/** One file of a VMM, which gives it to each of its devices by a descriptor of its own. */
export class ClientFile implements Disposable {
  readonly memory: SharedMemory

  constructor(size: bigint) {
    this.memory = new SharedMemory(size)
  }

  give({ address, size, offset = 0n, access = 'read-write' }: Piece): GivenMapping {
    const fd = openSync(`/proc/self/fd/${this.memory.fd}`, 'r+')
    const { bytes } = this.memory
    let looked = 0
    return {
      address,
      size,
      access,
      file: { fd, offset },
      get looked() {
        return looked
      },
      memory: () => {
        looked++
        return {
          bytes: bytes.subarray(Number(offset), Number(offset + size)),
          address: 0n,
          [Symbol.dispose]: () => {},
        }
      },
      [Symbol.dispose]: () => closeSync(fd),
    }
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]()
  }
}

/** The space as another device in it sees it. */
export function viewOf(space: DmaSpace): DmaSpace {
  return {
    pageSize: space.pageSize,
    apertures: space.apertures,
    sharedWith: space.sharedWith,
    domain: space.domain,
    backings: space.backings,
    mappingsLeft: undefined,
    get mappings() {
      return space.mappings
    },
    allocate: (size) => space.allocate(size),
    map: (iova, memory, access) => space.map(iova, memory, access),
    mapBacking: (iova, size, backing, access) => space.mapBacking(iova, size, backing, access),
    unmap: (iova, size) => space.unmap(iova, size),
  }
}
