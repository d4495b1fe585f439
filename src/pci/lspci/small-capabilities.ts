// The standard capabilities that take a line or two.
import { AfCapabilities, AfControl, AfStatus, afOffset } from '../capabilities/af.js'
import { DebugPort, SlotId } from '../capabilities/legacy.js'
import { SataBar, SataRevision, sataOffset } from '../capabilities/sata.js'
import { subsystemOffset } from '../capabilities/subsystem.js'
import { vendorOffset } from '../capabilities/vendor.js'
import { subsystemName } from '../names.js'
import { type CapabilityPrinter, type PrintView, printer, row } from './capability-printer.js'
import { line } from './line.js'

export const afPrinter = printer(
  'PCI Advanced Features',
  [afOffset.capabilities, 3],
  [
    row(afOffset.capabilities, AfCapabilities, 'AFCap: TP{transactionsPending} FLR{flr}'),
    row(afOffset.control, AfControl, 'AFCtrl: FLR{initiateFlr}'),
    row(afOffset.status, AfStatus, 'AFStatus: TP{transactionsPending}'),
  ],
)

const slot = line(SlotId, 'Slot ID: {slots} slots, First{first}, chassis {chassis:02x}')
export const slotIdPrinter: CapabilityPrinter = { title: (view) => slot(view.read(2, 2)) }

const debug = line(DebugPort, 'Debug port: BAR={bar} offset={offset:04x}')
export const debugPortPrinter: CapabilityPrinter = { title: (view) => debug(view.read(2, 2)) }

export const subsystemPrinter: CapabilityPrinter = {
  title: (view) => {
    const [vendorId, id] = [view.read(subsystemOffset.vendorId, 2), view.read(subsystemOffset.id, 2)]
    return `Subsystem: ${subsystemName(view.names, view.vendorId, view.deviceId, vendorId, id)}`
  },
}

const inConfigSpace = 15
const sata = line(SataRevision, 'SATA HBA v{major}.{minor}')
const sataBar = line(SataBar, '{location}', {
  location: (code, fields) => {
    if (code === inConfigSpace) return 'InCfgSpace'
    const offset = Number(fields['offset']).toString(16).padStart(8, '0')
    return code >= 4 && code <= 9 ? `BAR${code - 4} Offset=${offset}` : `BAR??${code}`
  },
})

export const sataPrinter: CapabilityPrinter = {
  title: (view) => {
    const version = sata(view.read(sataOffset.revision, 2))
    return view.has(sataOffset.bar, 4) ? `${version} ${sataBar(view.read(sataOffset.bar, 4))}` : version
  },
}

/** By its id and its first word, as nothing more is known of it. */
export function unknownPrinter(id: number): CapabilityPrinter {
  const hex = (value: number, count: number) => value.toString(16).padStart(count, '0')
  return { title: (view: PrintView) => `Capability ID 0x${hex(id, 0)} [${hex(view.read(vendorOffset.length, 2), 4)}]` }
}
