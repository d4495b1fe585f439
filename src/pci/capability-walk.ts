// Walks the two capability lists. A list is data of the device, so it is believed no further than the limits: a
// pointer that repeats, is not aligned or leaves the space ends the walk with a `problem`, and never an exception.

import type { ConfigReader } from './config-reader.js'
import { cardbusOffset, HeaderType, headerLayout, headerOffset } from './header.js'
import { Status } from './status.js'

export interface CapabilityEntry {
  readonly id: number
  readonly offset: number
  /** Extended capabilities only. */
  readonly version?: number
}

/**
 * Why a walk ended early. `loop`: the list comes back to itself. `all-ones`: nothing answers there. `outside`: past
 * the bytes that can be read. `reserved`: inside the header, or for extended capabilities in conventional space.
 */
export type WalkStop = 'loop' | 'all-ones' | 'outside' | 'reserved' | 'too-long'

export interface CapabilityWalk {
  readonly entries: readonly CapabilityEntry[]
  /** A sentence; absent where the list ended as it should. */
  readonly problem?: string
  /** The same for programs, and where the walk would have gone. */
  readonly stop?: { readonly reason: WalkStop; readonly offset: number }
}

/** (256 - 64) / 4 dwords is all that fits between the header and the end of conventional space. */
const headerEnd = 0x40
const maxStandard = 48
const maxExtended = 256
const extendedStart = 0x100
const allOnes32 = 0xffffffff

function at(offset: number): string {
  return `0x${offset.toString(16).padStart(2, '0')}`
}

function listHead(reader: ConfigReader): number {
  const { layout } = HeaderType.decode(reader.read(headerOffset.headerType, 1))
  return layout === headerLayout.cardbus ? cardbusOffset.capabilities : headerOffset.capabilities
}

const sentences: Readonly<Record<WalkStop, (offset: string) => string>> = {
  loop: (offset) => `the list returns to ${offset}`,
  'all-ones': (offset) => `the capability at ${offset} reads as all ones`,
  outside: (offset) => `the capability at ${offset} is outside the bytes that can be read`,
  reserved: (offset) => `a pointer leads to ${offset}, where no capability can be`,
  'too-long': (offset) => `the list goes on at ${offset} with more entries than fit`,
}

function stopped(entries: CapabilityEntry[], reason: WalkStop, offset: number): CapabilityWalk {
  return { entries, problem: sentences[reason](at(offset)), stop: { reason, offset } }
}

/** The standard list (PCI Local Bus 3.0 section 6.7). */
export function walkCapabilities(reader: ConfigReader): CapabilityWalk {
  const entries: CapabilityEntry[] = []
  if (!Status.decode(reader.read(headerOffset.status, 2)).capabilitiesList) return { entries }

  const seen = new Set<number>()
  let link = listHead(reader)
  for (;;) {
    // The two low bits of a pointer are reserved, and software must mask them.
    const offset = reader.read(link, 1) & ~3
    if (offset === 0) return { entries }
    if (offset < headerEnd) return stopped(entries, 'reserved', offset)
    if (offset + 4 > reader.size) return stopped(entries, 'outside', offset)
    if (seen.has(offset)) return stopped(entries, 'loop', offset)
    if (entries.length === maxStandard) return stopped(entries, 'too-long', offset)
    const id = reader.read(offset, 1)
    if (id === 0xff) return stopped(entries, 'all-ones', offset)
    seen.add(offset)
    entries.push({ id, offset })
    link = offset + 1
  }
}

/** The extended list of PCI Express (PCIe 6.0 section 7.6.3); empty where the space ends at 256 bytes. */
export function walkExtendedCapabilities(reader: ConfigReader): CapabilityWalk {
  const entries: CapabilityEntry[] = []
  if (reader.size < extendedStart + 4) return { entries }

  const seen = new Set<number>()
  let offset = extendedStart
  for (;;) {
    if (offset < extendedStart) return stopped(entries, 'reserved', offset)
    if (offset + 4 > reader.size) return stopped(entries, 'outside', offset)
    if (seen.has(offset)) return stopped(entries, 'loop', offset)
    if (entries.length === maxExtended) return stopped(entries, 'too-long', offset)
    const header = reader.read(offset, 4)
    // No extended capability at all: a null header or, behind some bridges, all ones (PCIe 6.0 section 7.6.2).
    if (header === 0) return { entries }
    if (header === allOnes32) return entries.length === 0 ? { entries } : stopped(entries, 'all-ones', offset)
    seen.add(offset)
    entries.push({ id: header & 0xffff, version: (header >>> 16) & 0xf, offset })
    const next = (header >>> 20) & ~3
    if (next === 0) return { entries }
    offset = next
  }
}

/** Where the first standard capability with that id lies. */
export function findCapability(reader: ConfigReader, id: number): number | undefined {
  return walkCapabilities(reader).entries.find((entry) => entry.id === id)?.offset
}

/** Where the first extended capability with that id lies. */
export function findExtendedCapability(reader: ConfigReader, id: number): number | undefined {
  return walkExtendedCapabilities(reader).entries.find((entry) => entry.id === id)?.offset
}
