// The pci.ids database (https://pci-ids.ucw.cz). It has 40,000 lines and a program asks for a few of them, so nothing
// is parsed ahead: an entry is found by searching for the beginning of its line.
import type { PciNames } from './names.js'

/** The text of a pci.ids file: a string, or bytes that are decoded only where an entry was found. */
export interface PciIdsText {
  readonly length: number
  /** Where `text` stands first; -1 if it is not there. */
  indexOf(text: string): number
  slice(start: number, end: number): string
}

/**
 * Where an entry ends, by its depth: at the next line that stands no deeper. Comments and empty lines end nothing.
 *
 *     8086  Intel Corporation              C 01  Mass storage controller
 *     <tab>10d3  82574L Gigabit            <tab>08  Non-Volatile memory controller
 *     <tab><tab>103c 3250  NC112T          <tab><tab>02  NVM Express
 */
const endings = [/\n[^\t\n#]/, /\n\t?[^\t\n#]/, /\n/] as const

const shortPiece = 0x1000

/** What stands from `start` to the ending; read in growing pieces, because most sections are short and a few are long. */
function textUntil(text: PciIdsText, start: number, ending: RegExp): string {
  for (let size = shortPiece; ; size *= 4) {
    const piece = text.slice(start, start + size)
    const end = piece.search(ending)
    if (end >= 0) return piece.slice(0, end)
    if (start + size >= text.length) return piece
  }
}

interface Entry {
  readonly name: string
  /** The entry's line and what stands below it. */
  readonly text: string
}

/** The entry with these ids at this depth of `text`, which is the file or the entry above it. */
function findEntry(text: PciIdsText, depth: 0 | 1 | 2, ids: string): Entry | undefined {
  const head = `${'\t'.repeat(depth)}${ids}  `
  const isFirst = text.slice(0, head.length) === head
  const before = isFirst ? -1 : text.indexOf(`\n${head}`)
  if (before < 0 && !isFirst) return undefined
  const found = textUntil(text, before + 1, endings[depth])
  const line = found.indexOf('\n')
  return { name: found.slice(head.length, line < 0 ? undefined : line).trim(), text: found }
}

function digits(value: number, count = 4): string {
  return value.toString(16).padStart(count, '0')
}

/** Reads the text of a pci.ids file. Lines that it does not understand are passed over. */
export function parsePciIds(text: PciIdsText): PciNames {
  const sections = new Map<string, Entry | undefined>()
  const section = (ids: string): Entry | undefined => {
    if (!sections.has(ids)) sections.set(ids, findEntry(text, 0, ids))
    return sections.get(ids)
  }
  const below = (entry: Entry | undefined, depth: 1 | 2, ids: string): Entry | undefined =>
    entry && findEntry(entry.text, depth, ids)

  const vendor = (id: number) => section(digits(id))
  const device = (vendorId: number, id: number) => below(vendor(vendorId), 1, digits(id))
  const baseClass = (base: number) => section(`C ${digits(base, 2)}`)
  const subclass = (base: number, sub: number) => below(baseClass(base), 1, digits(sub, 2))

  return {
    vendor: (vendorId) => vendor(vendorId)?.name,
    device: (vendorId, deviceId) => device(vendorId, deviceId)?.name,
    subsystem: (vendorId, deviceId, subsystemVendorId, subsystemId) =>
      below(device(vendorId, deviceId), 2, `${digits(subsystemVendorId)} ${digits(subsystemId)}`)?.name,
    baseClass: (base) => baseClass(base)?.name,
    subclass: (base, sub) => subclass(base, sub)?.name,
    programmingInterface: (base, sub, progIf) => below(subclass(base, sub), 2, digits(progIf, 2))?.name,
  }
}
