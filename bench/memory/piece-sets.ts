// Guest memory in pieces, as a VMM with holes in its guest's memory announces it.

export interface PieceSet {
  readonly name: string
  readonly size: bigint
  /** From the start of one to the start of the next: what is not a piece is a hole. */
  readonly stride: bigint
  readonly count: number
  /** At most. */
  readonly rounds: number
}

const mebibyte = 1n << 20n

/** Above the addresses of interrupt messages, which no IOMMU translates. */
export const firstAddress = 1n << 32n
/** What is mapped over and over: as much as is mapped, all different, would not fit into the VM, since what is mapped is pinned. */
export const memorySize = 256n * mebibyte

/**
 * `gib` GiB in large pieces, and 2 GiB in small ones. On the software CPU, 64 GiB take up to a minute to unmap, whoever does it,
 * and of small pieces they would take several.
 */
export function pieceSets(gib: number): readonly PieceSet[] {
  const large = { size: 256n * mebibyte, stride: 512n * mebibyte, count: gib * 4, rounds: 3 }
  const small = { size: 2n * mebibyte, stride: 4n * mebibyte, count: 1024, rounds: 5 }
  return [
    { name: `${gib} GiB in ${large.count} of 256 MiB`, ...large },
    { name: `2 GiB in ${small.count} of 2 MiB`, ...small },
  ]
}
