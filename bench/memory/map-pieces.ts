// The two ways in which guest memory is mapped here: kept in step with what a guest has, and bare.
import { MemoryKeeper, type MemoryMember } from '../../src/device/memory/memory-keeper.js'
import type { GuestMemory, GuestMemoryRange } from '../../src/device/vmm.js'
import type { DmaSpace } from '../../src/function/dma.js'
import { firstAddress, memorySize, type PieceSet } from './piece-sets.js'

/** Milliseconds that all pieces took. */
export interface Pass {
  readonly map: number
  readonly unmap: number
}

export function rangesOf({ size, stride, count }: PieceSet, hostAddress: bigint): GuestMemoryRange[] {
  return Array.from({ length: count }, (_, index) => ({
    guestAddress: firstAddress + BigInt(index) * stride,
    size,
    access: 'read-write',
    backing: { hostAddress: hostAddress + ((BigInt(index) * size) % memorySize) },
  }))
}

function timed(map: () => () => void): Pass {
  const began = performance.now()
  const unmap = map()
  const mapped = performance.now()
  unmap()
  return { map: mapped - began, unmap: performance.now() - mapped }
}

/** What an assigned device does with its guest's memory when it is opened, and when it is closed. */
export function keptInStep(dma: DmaSpace, ranges: readonly GuestMemoryRange[]): Pass {
  const memory: GuestMemory = { ranges, onChange: () => ({ [Symbol.dispose]() {} }) }
  const member: MemoryMember = {
    address: 'bench',
    dma,
    peerToPeer: false,
    isContained: () => false,
    outOfStep: () => {},
  }
  return timed(() => {
    const keeper = MemoryKeeper.join(memory, member)
    return () => keeper.leave(member)
  })
}

/** One call for each piece. */
export function mappedBare(dma: DmaSpace, ranges: readonly GuestMemoryRange[]): Pass {
  return timed(() => {
    const mappings = ranges.map(({ guestAddress, size, backing, access }) =>
      dma.mapBacking(guestAddress, size, backing, access),
    )
    return () => {
      for (const mapping of mappings) mapping[Symbol.dispose]()
    }
  })
}
