// The `Region` and `Expansion ROM` lines. The system's view wins where there is one: it knows sizes, and the addresses
// of a virtual function, whose own BARs read as zero.
import { type Bar, barCounts, decodeBars, memoryBarType, RomBar } from '../bar.js'
import { Command } from '../command.js'
import type { ConfigReader } from '../config-reader.js'
import { bridgeOffset, HeaderType, headerLayout, headerOffset } from '../header.js'
import type { SystemResource, SystemView } from './lspci-device.js'
import { sizeText } from './size-text.js'

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

function ofResource(reader: ConfigReader, resource: SystemResource): Region {
  const { index, kind, start, size, is64Bit, prefetchable } = resource
  const at = headerOffset.bar0 + 4 * index
  const upper = is64Bit && index < 5 ? reader.read(at + 4, 4) : 0
  const isVirtual = start !== 0n && reader.read(at, 4) === 0 && upper === 0
  return { index, kind, width: widths[is64Bit ? 64 : 32], prefetchable, address: start, size, isVirtual }
}

/** The regions that lspci lists: those of 6, 2 or 1 BARs, by header type. */
function regions(reader: ConfigReader, system: SystemView | undefined): Region[] {
  if (system?.resources === undefined) return decodeBars(reader).flatMap(ofBar)
  const count = barCounts[HeaderType.decode(reader.read(headerOffset.headerType, 1)).layout] ?? 0
  return system.resources.filter(({ index }) => index < count).map((resource) => ofResource(reader, resource))
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
  const count = barCounts[HeaderType.decode(reader.read(headerOffset.headerType, 1)).layout] ?? 0
  return !(is64 && region.index === count - 1)
}

function regionLine(region: Region, command: ReturnType<typeof Command.decode>): string {
  const { kind, index, address, width, prefetchable, isVirtual } = region
  const isIo = kind === 'io'
  const isOn = isIo ? command.ioSpace : command.memorySpace
  const where = address !== 0n || (isIo && isOn) ? hex(address, isIo ? 4 : 8) : '<unassigned>'
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
  const resource = system?.resources?.find(({ index }) => index === romIndex)
  const ownStart = system?.resources !== undefined || raw === 0xffffffff ? 0n : BigInt(raw)
  const { start, size } = resource ?? { start: ownStart, size: 0n }
  if (start === 0n && raw === 0 && size === 0n) return []
  const address = start & romMask
  const isVirtual = address !== 0n && (BigInt(raw) & romMask) === 0n
  const where = address !== 0n ? hex(address, 8) : (BigInt(raw) & romMask) !== 0n ? '<ignored>' : '<unassigned>'
  const isEnabled = !isVirtual && RomBar.decode(raw).enable
  const { memorySpace } = Command.decode(reader.read(headerOffset.command, 2))
  const state = !isEnabled ? ' [disabled]' : !memorySpace ? ' [disabled by cmd]' : ''
  return [`\tExpansion ROM at ${where}${isVirtual ? ' [virtual]' : ''}${state}${sizeText(size)}`]
}
