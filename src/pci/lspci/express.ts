import { PcieCapabilities, pcieGroups, pcieOffset, portType } from '../capabilities/pcie.js'
import type { CapabilityPrinter, PrintView, Row } from './capability-printer.js'
import { device2Rows, deviceRows } from './express-device.js'
import { link2Rows, linkRows } from './express-link.js'
import { rootRows, slotRows } from './express-slot.js'
import { line } from './line.js'

/** With the fields of PCI Express Capabilities where the kind of port has a slot. */
const types: Readonly<Record<number, string>> = {
  [portType.endpoint]: 'Endpoint',
  [portType.legacyEndpoint]: 'Legacy Endpoint',
  [portType.rootPort]: 'Root Port (Slot{slotImplemented})',
  [portType.upstreamPort]: 'Upstream Port',
  [portType.downstreamPort]: 'Downstream Port (Slot{slotImplemented})',
  [portType.pcieToPciBridge]: 'PCI-Express to PCI/PCI-X Bridge',
  [portType.pciToPcieBridge]: 'PCI/PCI-X to PCI-Express Bridge (Slot{slotImplemented})',
  [portType.rootComplexEndpoint]: 'Root Complex Integrated Endpoint',
  [portType.rootComplexEventCollector]: 'Root Complex Event Collector',
}

const flags = (view: PrintView) => view.read(pcieOffset.capabilities, 2)

function title(view: PrintView): string {
  const { portType: type } = PcieCapabilities.decode(flags(view))
  const kind = types[type] ?? `Unknown type ${type}`
  return line(PcieCapabilities, `Express (v{version}) ${kind}, IntMsgNum {interruptMessage}`)(flags(view))
}

const print = (rows: readonly Row[], view: PrintView) =>
  rows.map((inner) => inner(view)).filter((text) => text !== undefined)

function body(view: PrintView): string[] {
  const has = pcieGroups(flags(view))
  const firstBytes = has.root ? 32 : has.slot ? 24 : 16
  if (!view.has(pcieOffset.deviceCapabilities, firstBytes)) return []
  const lines = print(deviceRows, view)
  if (has.link) lines.push(...print(linkRows, view))
  if (has.slot) lines.push(...print(slotRows, view))
  if (has.root) lines.push(...print(rootRows, view))
  if (!has.second || !view.has(pcieOffset.deviceCapabilities2, has.slot ? 24 : 16)) return lines
  lines.push(...print(device2Rows, view))
  if (has.link) lines.push(...print(link2Rows, view))
  return lines
}

export const expressPrinter: CapabilityPrinter = { title, body }
