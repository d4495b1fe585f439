// The `Capabilities:` lines, in the order of the two lists.
import { capabilityId } from '../capability-ids.js'
import { capabilityView, functionKind } from '../capability-view.js'
import {
  type CapabilityEntry,
  type CapabilityWalk,
  walkCapabilities,
  walkExtendedCapabilities,
} from '../capability-walk.js'
import type { ConfigReader } from '../config-reader.js'
import type { PciNames } from '../names.js'
import type { CapabilityPrinter, PrintView } from './capability-printer.js'
import { deviceIds } from './header.js'
import type { SystemView } from './lspci-device.js'
import { extendedPrinters, standardPrinters } from './printer-table.js'
import { hasMemoryBar } from './regions.js'
import { unknownPrinter } from './small-capabilities.js'

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

function bracket(reader: ConfigReader, { offset, version }: CapabilityEntry): string {
  if (offset < 0x100) return `[${hex(offset, 2)}]`
  return `[${hex(offset, 3)} v${version ?? (reader.read(offset, 4) >>> 16) & 0xf}]`
}

function printed(head: string, printer: CapabilityPrinter, view: PrintView): string[] {
  const title = `\tCapabilities: ${head} ${printer.title(view)}`
  const isReadable = printer.needs === undefined || view.has(...printer.needs)
  return [title, ...(isReadable ? (printer.body?.(view) ?? []) : [])]
}

/** What stands for the entry at which the list ends too early. */
const endings: Readonly<Record<string, string>> = {
  loop: '<chain looped>',
  'all-ones': '<chain broken>',
  'too-long': '<chain too long>',
  reserved: '<chain broken>',
}

function ending(reader: ConfigReader, walk: CapabilityWalk): string[] {
  if (walk.stop === undefined) return []
  const { reason, offset } = walk.stop
  if (reason === 'outside') return offset < 0x100 ? ['\tCapabilities: <access denied>'] : []
  if (reason === 'all-ones' && offset >= 0x100) return []
  return [`\tCapabilities: ${bracket(reader, { id: 0, offset })} ${endings[reason]}`]
}

export interface CapabilityContext {
  readonly names: PciNames
  readonly isFirstFunction: boolean
  readonly system: SystemView | undefined
}

export function capabilityLines(reader: ConfigReader, context: CapabilityContext): string[] {
  const kind = functionKind(reader)
  const device = {
    ...deviceIds(reader, context.system),
    names: context.names,
    isFirstFunction: context.isFirstFunction,
    hasMemoryBar: hasMemoryBar(reader, context.system),
  }
  const viewOf = (entry: CapabilityEntry): PrintView => ({
    ...capabilityView(reader, entry, kind),
    ...device,
    has: (offset, length) => entry.offset + offset + length <= reader.size,
  })

  const standard = walkCapabilities(reader)
  const lines = standard.entries.flatMap((entry) =>
    printed(bracket(reader, entry), standardPrinters[entry.id] ?? unknownPrinter(entry.id), viewOf(entry)),
  )
  lines.push(...ending(reader, standard))

  // Only PCI Express and PCI-X Mode 2 functions have an extended space.
  const canExtend = standard.entries.some(({ id }) => id === capabilityId.pcie || id === capabilityId.pcix)
  if (!canExtend) return lines
  const extended = walkExtendedCapabilities(reader)
  for (const entry of extended.entries) {
    const printer = extendedPrinters[entry.id] ?? {
      title: () => `Extended Capability ID 0x${entry.id.toString(16)}`,
    }
    lines.push(...printed(bracket(reader, entry), printer, viewOf(entry)))
  }
  return [...lines, ...ending(reader, extended)]
}
