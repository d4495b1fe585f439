// What VFIO_IOMMU_GET_INFO says of a type1 container.
import { vfioConstant } from './abi/constants.js'
import { IovaRange, Type1DmaAvail, Type1Info, Type1IovaRangeCap } from './abi/vfio-structs.js'
import { walkInfoCapabilities } from './capability-chain.js'

export interface Type1Limits {
  /** The smallest page that the IOMMU maps, in bytes. */
  readonly pageSize: bigint
  readonly apertures: readonly { readonly first: bigint; readonly last: bigint }[]
  /** How many more mappings the container takes; `undefined` on kernels that do not say. */
  readonly mappingsLeft: number | undefined
}

/** Kernels before 5.4 do not name the ranges: all of the address space, then. */
const everything = [{ first: 0n, last: 2n ** 64n - 1n }] as const

/** Reads the info's bytes. `hostPageSize` is what mappings are made of where the kernel names no sizes. */
export function parseType1Info(bytes: Uint8Array, hostPageSize: number): Type1Limits {
  const info = Type1Info.decode(bytes)
  const sized = (info.flags & vfioConstant.VFIO_IOMMU_INFO_PGSIZES) !== 0 && info.iova_pgsizes !== 0n
  const pageSize = sized ? info.iova_pgsizes & -info.iova_pgsizes : BigInt(hostPageSize)
  let apertures: { first: bigint; last: bigint }[] | undefined
  let mappingsLeft: number | undefined
  if ((info.flags & vfioConstant.VFIO_IOMMU_INFO_CAPS) !== 0) {
    for (const { id, offset } of walkInfoCapabilities(bytes, info.cap_offset, Type1Info.offsets.pad)) {
      if (id === vfioConstant.VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) apertures = readRanges(bytes, offset)
      if (id === vfioConstant.VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL && offset + Type1DmaAvail.size <= bytes.byteLength)
        mappingsLeft = Type1DmaAvail.decode(bytes, offset).avail
    }
  }
  return { pageSize, apertures: apertures ?? everything, mappingsLeft }
}

/** `undefined` where the capability does not lie inside the bytes. */
function readRanges(bytes: Uint8Array, offset: number): { first: bigint; last: bigint }[] | undefined {
  if (offset + Type1IovaRangeCap.size > bytes.byteLength) return undefined
  const { nr_iovas: count } = Type1IovaRangeCap.decode(bytes, offset)
  const start = offset + Type1IovaRangeCap.size
  if (start + count * IovaRange.size > bytes.byteLength) return undefined
  return Array.from({ length: count }, (_, index) => {
    const range = IovaRange.decode(bytes, start + index * IovaRange.size)
    return { first: range.start, last: range.end }
  })
}
