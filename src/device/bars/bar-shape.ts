// Which BARs a function has and how their registers behave (PCIe 6.0 7.5.1.2.1): the kernel's BAR registers say the
// kind, the regions say the size.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { PhysicalFunction } from '../../function/physical-function.js'
import { type Region, regionIndex } from '../../function/region.js'
import { decodeBars } from '../../pci/bar.js'
import { HeaderType, headerLayout, headerOffset } from '../../pci/header.js'
import type { DevicePolicy } from '../device-policy.js'

export interface BarShape {
  /** Of its region: 0 to 5, and 6 for the expansion ROM. */
  readonly index: number
  readonly kind: 'memory' | 'io' | 'rom'
  /** Whether the next register holds the upper half of the address. */
  readonly is64Bit: boolean
  /** Of its register in config space. */
  readonly offset: number
  /** The low bits that say what it is. */
  readonly flags: number
  /** A power of two. */
  readonly size: bigint
  /** The address bits that a guest can write. */
  readonly mask: bigint
  readonly region: Region
  /** Where it is, whatever the guest writes. */
  readonly pinned: bigint | undefined
}

const smallestRom = 0x800n

function isPowerOfTwo(size: bigint): boolean {
  return size > 0n && (size & (size - 1n)) === 0n
}

/**
 * The BARs of an endpoint.
 * @throws QuiesceError `UNSUPPORTED` if it is a bridge, does not answer, or has a BAR that no guest could size;
 * `USAGE` if the policy pins a BAR that cannot be pinned there
 */
export function barShapes(fn: PhysicalFunction, policy: DevicePolicy): BarShape[] {
  const refuse = (code: 'UNSUPPORTED' | 'USAGE', detail: string) =>
    new QuiesceError(code, `Cannot assign ${fn.address}: ${detail}`, { device: fn.address })
  if (HeaderType.decode(fn.config.read(headerOffset.headerType, 1)).layout !== headerLayout.endpoint) {
    throw refuse('UNSUPPORTED', 'it is not an endpoint, or it does not answer')
  }
  const sizes = fn.regions.slice(0, regionIndex.rom + 1).map((region) => region?.size)
  const shapes: BarShape[] = []
  for (const bar of decodeBars(fn.config, sizes)) {
    const index = bar.index === 'rom' ? regionIndex.rom : bar.index
    const region = fn.regions[index]
    if (region === undefined || region.size === 0n || bar.problem !== undefined) continue
    if (bar.kind === 'rom' && !policy.rom) continue
    const size = bar.kind === 'rom' ? romSize(region.size) : region.size
    if (!isPowerOfTwo(size)) throw refuse('UNSUPPORTED', `BAR ${index} has ${size} bytes, not a power of two`)
    const space = bar.width === 64 ? 64 : 32
    const mask = BigInt.asUintN(space, ~(size - 1n))
    const pin = bar.kind === 'rom' ? undefined : policy.pinnedBars[index]
    const pinned = pin === 'host' ? bar.address : pin
    if (pinned !== undefined && (pinned === 0n || (pinned & ~mask) !== 0n)) {
      throw refuse('USAGE', `BAR ${index} of ${size} bytes cannot be pinned at 0x${pinned.toString(16)}`)
    }
    const flagBits = bar.kind === 'io' ? 0x3 : bar.kind === 'rom' ? 0 : 0xf
    const flags = fn.config.read(bar.offset, 4) & flagBits
    shapes.push({
      index,
      kind: bar.kind,
      is64Bit: bar.width === 64,
      offset: bar.offset,
      flags,
      size,
      mask,
      region,
      pinned,
    })
  }
  const missing = Object.keys(policy.pinnedBars).find((index) => !shapes.some((shape) => shape.index === Number(index)))
  if (missing !== undefined) throw refuse('USAGE', `BAR ${missing} is pinned, and it has no such BAR`)
  return shapes
}

/** A ROM's register has no bits below 2 KiB, and its image need not fill a power of two. */
function romSize(bytes: bigint): bigint {
  let size = smallestRom
  while (size < bytes) size *= 2n
  return size
}
