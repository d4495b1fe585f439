// The parts of a region that may be mapped: the sparse mmap capability of DEVICE_GET_REGION_INFO's reply, both ways.
import type { StructValue } from '../../bits/struct.js'
import type { ReplyPayload } from './commands.js'
import { RegionInfoFlags } from './flags.js'
import { RegionCapHeader, RegionInfo, SparseMmapArea, SparseMmapCap } from './structs.js'
import { decodeItems, encodeItems } from './tails.js'

export type RegionInfoReply = ReplyPayload<'DEVICE_GET_REGION_INFO'>
export type MappableArea = Readonly<StructValue<typeof SparseMmapArea.fields>>

/** VFIO_REGION_INFO_CAP_SPARSE_MMAP of <linux/vfio.h>. */
const sparseMmap = { id: 1, version: 1 } as const

const caps = RegionInfoFlags.mask('caps')

/** A region's description, without what the encoding derives. */
export interface RegionDescription {
  readonly index: number
  /** Without the `caps` flag. */
  readonly flags: number
  readonly size: bigint
  /** Where it begins in the file that comes with the reply. */
  readonly offset: bigint
  /** Where not all of it may be mapped: what may. Empty says nothing about it. */
  readonly areas: readonly MappableArea[]
}

/**
 * The reply for a request with this `argsz`. Where it leaves no room for the areas they are left out, and `argsz` says
 * what they take: the client then asks again.
 */
export function regionInfoReply(region: RegionDescription, requestArgsz: number): RegionInfoReply {
  const { index, flags, size, offset, areas } = region
  const capSize = areas.length === 0 ? 0 : SparseMmapCap.size + areas.length * SparseMmapArea.size
  const argsz = RegionInfo.size + capSize
  if (capSize === 0 || argsz > requestArgsz) {
    return { argsz, flags, index, cap_offset: 0, size, offset, capabilities: new Uint8Array(0) }
  }
  const capabilities = new Uint8Array(capSize)
  SparseMmapCap.encode({ ...sparseMmap, next: 0, nr_areas: areas.length, reserved: 0 }, capabilities)
  encodeItems(SparseMmapArea, areas, capabilities.subarray(SparseMmapCap.size))
  return { argsz, flags: flags | caps, index, cap_offset: RegionInfo.size, size, offset, capabilities }
}

/**
 * The areas that a reply names; `undefined` where it names none. Only areas that lie inside the region: a capability that
 * is cut short names none.
 */
export function mappableAreas(reply: RegionInfoReply): readonly MappableArea[] | undefined {
  const { flags, cap_offset, capabilities, size } = reply
  if ((flags & caps) === 0) return undefined
  let at = cap_offset - RegionInfo.size
  // The chain was found to end when the message was decoded; by hand it may be anything.
  for (let last = -1; at > last && at + RegionCapHeader.size <= capabilities.byteLength; ) {
    const { id, next } = RegionCapHeader.decode(capabilities, at)
    if (id === sparseMmap.id) {
      const areas = readAreas(capabilities.subarray(at))
      return areas.filter((area) => area.size > 0n && area.offset + area.size <= size)
    }
    last = at
    at = next - RegionInfo.size
  }
  return undefined
}

function readAreas(bytes: Uint8Array): readonly MappableArea[] {
  if (bytes.byteLength < SparseMmapCap.size) return []
  const { nr_areas } = SparseMmapCap.decode(bytes)
  const areas = bytes.subarray(SparseMmapCap.size)
  return nr_areas * SparseMmapArea.size > areas.byteLength ? [] : decodeItems(SparseMmapArea, areas, nr_areas)
}
