// The pci.ids database (https://pci-ids.ucw.cz), as text. One pass finds where each vendor and class begins; what
// stands below a vendor is parsed when somebody asks for it: a program looks up a few devices of the 40,000.
import type { PciNames } from './names.js'

const tab = 9
const newline = 10

/** Offsets of the lines that start a vendor (`8086  Intel Corporation`) or a class (`C 01  Mass storage`). */
interface Sections {
  readonly vendors: ReadonlyMap<string, number>
  readonly classes: ReadonlyMap<string, number>
}

const vendorLine = /^[0-9a-f]{4} /
const classLine = /^C [0-9a-f]{2} /

function findSections(text: string): Sections {
  const vendors = new Map<string, number>()
  const classes = new Map<string, number>()
  for (let start = 0; start >= 0 && start < text.length; ) {
    const first = text.charCodeAt(start)
    if (first !== tab && first !== newline) {
      const head = text.slice(start, start + 5)
      if (vendorLine.test(head)) vendors.set(head.slice(0, 4), start)
      else if (classLine.test(head)) classes.set(head.slice(2, 4), start)
    }
    const end = text.indexOf('\n', start)
    start = end < 0 ? -1 : end + 1
  }
  return { vendors, classes }
}

/** A section's own name, and its names one and two levels down; the inner key is `first second`. */
interface Section {
  readonly name: string
  readonly children: Map<string, string>
}

/** `8086` and `C 01` are as long. */
const headLength = 4

const entry = /^([0-9a-f]+(?: [0-9a-f]{4})?)\s\s*(.*)$/

function parseSection(text: string, start: number): Section {
  const children = new Map<string, string>()
  let end = text.indexOf('\n', start)
  if (end < 0) end = text.length
  const name = text.slice(start + headLength, end).trim()
  let parent = ''
  while (end < text.length) {
    const from = end + 1
    end = text.indexOf('\n', from)
    if (end < 0) end = text.length
    const first = text.charCodeAt(from)
    if (first === newline || text[from] === '#') continue
    if (first !== tab) break
    const isNested = text.charCodeAt(from + 1) === tab
    const match = entry.exec(text.slice(from + (isNested ? 2 : 1), end))
    if (match?.[1] === undefined || match[2] === undefined) continue
    if (!isNested) parent = match[1]
    children.set(isNested ? `${parent} ${match[1]}` : match[1], match[2])
  }
  return { name, children }
}

function digits(value: number, count: number): string {
  return value.toString(16).padStart(count, '0')
}

/** Reads the text of a pci.ids file. Lines that it does not understand are passed over. */
export function parsePciIds(text: string): PciNames {
  let sections: Sections | undefined
  const parsed = new Map<string, Section | undefined>()

  const section = (kind: 'vendors' | 'classes', key: string): Section | undefined => {
    const cacheKey = `${kind} ${key}`
    if (!parsed.has(cacheKey)) {
      sections ??= findSections(text)
      const start = sections[kind].get(key)
      parsed.set(cacheKey, start === undefined ? undefined : parseSection(text, start))
    }
    return parsed.get(cacheKey)
  }
  const vendor = (id: number) => section('vendors', digits(id, 4))
  const pciClass = (base: number) => section('classes', digits(base, 2))

  return {
    vendor: (vendorId) => vendor(vendorId)?.name,
    device: (vendorId, deviceId) => vendor(vendorId)?.children.get(digits(deviceId, 4)),
    subsystem: (vendorId, deviceId, subsystemVendorId, subsystemId) =>
      vendor(vendorId)?.children.get(
        `${digits(deviceId, 4)} ${digits(subsystemVendorId, 4)} ${digits(subsystemId, 4)}`,
      ),
    baseClass: (base) => pciClass(base)?.name,
    subclass: (base, sub) => pciClass(base)?.children.get(digits(sub, 2)),
    programmingInterface: (base, sub, progIf) => pciClass(base)?.children.get(`${digits(sub, 2)} ${digits(progIf, 2)}`),
  }
}
