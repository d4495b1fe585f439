// The `Region` and `Expansion ROM` lines. The system's view wins where there is one: it knows sizes, and the addresses
// of a virtual function, whose own BARs read as zero.
import type { Bar } from '../bar.js'
import { decodeBars, memoryBarType, RomBar } from '../bar.js'
import { Command } from '../command.js'
import type { ConfigReader } from '../config-reader.js'
import { bridgeOffset, HeaderType, headerLayout, headerOffset } from '../header.js'
import type { SystemResource, SystemView } from './lspci-device.js'
import { sizeText } from './size-text.js'

/** `IORESOURCE_*` (`<linux/ioport.h>`). */
const resourceFlag = {
  io: 0x100n,
  memory: 0x200n,
  prefetch: 0x2000n,
  readOnly: 0x4000n,
  memory64: 0x100000n,
  enhanced: 0x20n,
} as const

const romIndex = 6
const widths = { 16: '16-bit', 20: 'low-1M', 32: '32-bit', 64: '64-bit' } as const

interface Region {
  readonly index: number
  readonly kind: 'memory' | 'io'
  readonly width: string
  readonly prefetchable: boolean
  readonly address: bigint
  readonly size: bigint
  /** The system has an address and the device none: a virtual function. */
  readonly isVirtual: boolean
}

const hex = (value: bigint, digits: number): string => value.toString(16).padStart(digits, '0')

function ofBar(bar: Bar): Region[] {
  if (bar.index === 'rom' || bar.kind === 'rom') return []
  const width = bar.problem?.startsWith('reserved') ? 'type 3' : widths[bar.width]
  const address = bar.problem?.startsWith('the upper half') ? 0n : bar.address
  return [{ ...bar, index: bar.index, kind: bar.kind, width, address, size: bar.size ?? 0n, isVirtual: false }]
}

function ofResource(reader: ConfigReader, resource: SystemResource, index: number): Region[] {
  const { start, end, flags } = resource
  const size = end > start ? end - start + 1n : 0n
  const isMemory = (flags & resourceFlag.memory) !== 0n
  if (start === 0n && size === 0n && flags === 0n) return []
  const is64 = (flags & resourceFlag.memory64) !== 0n
  const at = headerOffset.bar0 + 4 * index
  const raw = reader.read(at, 4)
  const upper = is64 && index < 5 ? reader.read(at + 4, 4) : 0
  return [
    {
      index,
      kind: (flags & resourceFlag.io) !== 0n ? 'io' : 'memory',
      width: isMemory && is64 ? widths[64] : widths[32],
      prefetchable: (flags & resourceFlag.prefetch) !== 0n,
      address: start,
      size,
      isVirtual: start !== 0n && raw === 0 && upper === 0 && (flags & resourceFlag.enhanced) === 0n,
    },
  ]
}

/** The regions that lspci lists; `regionCount` 6, 2 or 1 by header type. */
function regions(reader: ConfigReader, system: SystemView | undefined): Region[] {
  if (system?.resources === undefined) return decodeBars(reader).flatMap(ofBar)
  const isBridge = HeaderType.decode(reader.read(headerOffset.headerType, 1)).layout === headerLayout.bridge
  return system.resources
    .slice(0, isBridge ? 2 : romIndex)
    .flatMap((resource, index) => ofResource(reader, resource, index))
}

/** Whether a BAR is in memory space, by the same view. */
export function hasMemoryBar(reader: ConfigReader, system: SystemView | undefined): boolean {
  return regions(reader, system).some((region) => region.kind === 'memory' && isCounted(reader, region, system))
}

/** A 64-bit BAR without room for its upper half has no address and does not count. */
function isCounted(reader: ConfigReader, region: Region, system: SystemView | undefined): boolean {
  if (system?.resources !== undefined) return region.address !== 0n || region.size !== 0n
  const raw = reader.read(headerOffset.bar0 + 4 * region.index, 4)
  const is64 = ((raw >>> 1) & 3) === memoryBarType.bits64
  const count = HeaderType.decode(reader.read(headerOffset.headerType, 1)).layout === headerLayout.bridge ? 2 : 6
  return !(is64 && region.index === count - 1)
}

function regionLine(region: Region, command: ReturnType<typeof Command.decode>): string {
  const { kind, index, address, width, prefetchable, isVirtual } = region
  const isIo = kind === 'io'
  const isOn = isIo ? command.ioSpace : command.memorySpace
  const where =
    address !== 0n || (isIo && isOn) ? hex(address, isIo ? 4 : 8) : '<unassigned>'
  const type = isIo ? '' : ` (${width}, ${prefetchable ? '' : 'non-'}prefetchable)`
  const state = isVirtual ? ' [virtual]' : isOn ? '' : ' [disabled]'
  return `\tRegion ${index}: ${isIo ? 'I/O ports' : 'Memory'} at ${where}${type}${state}${sizeText(region.size)}`
}

export function regionLines(reader: ConfigReader, system?: SystemView): string[] {
  const command = Command.decode(reader.read(headerOffset.command, 2))
  return regions(reader, system).map((region) => regionLine(region, command))
}

const romAt: Readonly<Record<number, number>> = {
  [headerLayout.endpoint]: headerOffset.rom,
  [headerLayout.bridge]: bridgeOffset.rom,
}
const romMask = ~0x7ffn & 0xffffffffffffffffn

export function romLines(reader: ConfigReader, system?: SystemView): string[] {
  const at = romAt[HeaderType.decode(reader.read(headerOffset.headerType, 1)).layout]
  if (at === undefined) return []
  const raw = reader.read(at, 4)
  const resource = system?.resources?.[romIndex]
  const start = resource?.start ?? (raw === 0xffffffff ? 0n : BigInt(raw))
  const size = resource !== undefined && resource.end > resource.start ? resource.end - resource.start + 1n : 0n
  // The kernel keeps the enable bit apart from the address, in the low bits of the flags.
  const systemBits = (resource?.flags ?? 0n) & 0xfn
  if ((start | systemBits) === 0n && raw === 0 && size === 0n) return []
  const address = start & romMask
  const isVirtual = address !== 0n && (BigInt(raw) & romMask) === 0n
  const where = address !== 0n ? hex(address, 8) : (BigInt(raw) & romMask) !== 0n ? '<ignored>' : '<unassigned>'
  const isEnabled = isVirtual ? (systemBits & 1n) !== 0n : RomBar.decode(raw).enable
  const { memorySpace } = Command.decode(reader.read(headerOffset.command, 2))
  const state = !isEnabled ? ' [disabled]' : !isVirtual && !memorySpace ? ' [disabled by cmd]' : ''
  return [`\tExpansion ROM at ${where}${isVirtual ? ' [virtual]' : ''}${state}${sizeText(size)}`]
}

