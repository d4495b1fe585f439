// DEVICE_GET_REGION_INFO. The reply is a struct and its capabilities; where the request leaves no room for these, the
// reply is the struct alone, whose `argsz` says how much room it takes.
import type { StructValue } from '../../../bits/struct.js'
import { RegionInfoFlags } from '../flags.js'
import { fdRules, payload, type Tail } from '../payload.js'
import { Problem } from '../problem.js'
import { argszAtLeast } from '../rules.js'
import { RegionCapHeader, RegionInfo } from '../structs.js'

type Fields = StructValue<typeof RegionInfo.fields>

export interface WithCapabilities {
  /** What follows the struct; offsets in it count from the struct's start. */
  readonly capabilities: Uint8Array
}

const hasCaps = RegionInfoFlags.mask('caps')

/** The chain stays inside the payload and never runs backwards, so that whoever walks it comes to its end. */
function chainProblem(first: number, rest: Uint8Array): Problem | undefined {
  const end = RegionInfo.size + rest.byteLength
  let after = RegionInfo.size
  let offset = first
  while (offset !== 0) {
    if (offset < after || offset + RegionCapHeader.size > end) {
      return new Problem('length', `a capability at ${offset}, of ${end} bytes`)
    }
    after = offset + RegionCapHeader.size
    offset = RegionCapHeader.decode(rest, offset - RegionInfo.size).next
  }
  return undefined
}

const capabilitiesTail: Tail<Fields, WithCapabilities> = {
  read({ flags, cap_offset }, rest) {
    const problem = (flags & hasCaps) === 0 ? undefined : chainProblem(cap_offset, rest)
    return problem ?? { capabilities: rest }
  },
  size: ({ capabilities }) => capabilities.byteLength,
  write: ({ capabilities }, into) => into.set(capabilities),
}

/** Only `argsz` and `index` mean anything. */
export const regionInfoRequest = payload(RegionInfo, { rules: [argszAtLeast(RegionInfo.size)] })

export const regionInfoReply = payload(RegionInfo, {
  rules: [argszAtLeast(RegionInfo.size)],
  tail: capabilitiesTail,
  fds: fdRules.many,
})
