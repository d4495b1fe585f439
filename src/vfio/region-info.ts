// What VFIO_DEVICE_GET_REGION_INFO says of a region.
import type { RegionArea } from '../function/region.js'
import { vfioConstant } from './abi/constants.js'
import { RegionInfo, RegionSparseMmapArea, RegionSparseMmapCap, RegionTypeCap } from './abi/vfio-structs.js'
import { walkInfoCapabilities } from './capability-chain.js'

export interface VfioRegionInfo {
  readonly index: number
  readonly size: bigint
  /** Where it begins in the device's file. */
  readonly start: bigint
  readonly readable: boolean
  readonly writable: boolean
  /** Parts that may be mapped; empty where none may. */
  readonly mappable: readonly RegionArea[]
  /** The MSI-X table may be mapped with the rest. */
  readonly msixMappable: boolean
  /** Of regions beyond PCI's own: whose, and which. */
  readonly type: { readonly type: number; readonly subtype: number } | undefined
}

/** Reads the info's bytes, capabilities included. */
export function parseRegionInfo(bytes: Uint8Array): VfioRegionInfo {
  const info = RegionInfo.decode(bytes)
  const has = (flag: number): boolean => (info.flags & flag) !== 0
  const capabilities = has(vfioConstant.VFIO_REGION_INFO_FLAG_CAPS)
    ? walkInfoCapabilities(bytes, info.cap_offset, RegionInfo.size)
    : []
  const offsetOf = (id: number): number | undefined => capabilities.find((capability) => capability.id === id)?.offset

  const sparse = offsetOf(vfioConstant.VFIO_REGION_INFO_CAP_SPARSE_MMAP)
  const type = offsetOf(vfioConstant.VFIO_REGION_INFO_CAP_TYPE)
  const whole = info.size > 0n ? [{ offset: 0n, size: info.size }] : []
  let mappable: readonly RegionArea[] = []
  if (has(vfioConstant.VFIO_REGION_INFO_FLAG_MMAP)) {
    mappable = sparse === undefined ? whole : readAreas(bytes, sparse, info.size)
  }
  return {
    index: info.index,
    size: info.size,
    start: info.offset,
    readable: has(vfioConstant.VFIO_REGION_INFO_FLAG_READ),
    writable: has(vfioConstant.VFIO_REGION_INFO_FLAG_WRITE),
    mappable,
    msixMappable: offsetOf(vfioConstant.VFIO_REGION_INFO_CAP_MSIX_MAPPABLE) !== undefined,
    type: type === undefined ? undefined : readType(bytes, type),
  }
}

function readType(bytes: Uint8Array, offset: number): VfioRegionInfo['type'] {
  if (offset + RegionTypeCap.size > bytes.byteLength) return undefined
  const { type, subtype } = RegionTypeCap.decode(bytes, offset)
  return { type, subtype }
}

/** Areas that lie inside the bytes and inside the region; a capability that is cut short means none may be mapped. */
function readAreas(bytes: Uint8Array, offset: number, regionSize: bigint): RegionArea[] {
  if (offset + RegionSparseMmapCap.size > bytes.byteLength) return []
  const { nr_areas: count } = RegionSparseMmapCap.decode(bytes, offset)
  const start = offset + RegionSparseMmapCap.size
  if (start + count * RegionSparseMmapArea.size > bytes.byteLength) return []
  return Array.from({ length: count }, (_, index) =>
    RegionSparseMmapArea.decode(bytes, start + index * RegionSparseMmapArea.size),
  ).filter((area) => area.size > 0n && area.offset + area.size <= regionSize)
}
