import {
  VcPortCapabilities1,
  VcPortCapabilities2,
  VcPortControl,
  VcPortStatus,
  VcResourceCapabilities,
  VcResourceControl,
  VcResourceStatus,
  vcCount,
  vcOffset,
} from '../capabilities/virtual-channel.js'
import { type CapabilityPrinter, type PrintView, row } from './capability-printer.js'
import { line, pick, sign } from './line.js'

/** By bit and by selector; the empty ones are reserved and print only when they are set. */
const portArbiters = ['Fixed', 'WRR32', 'WRR64', 'WRR128', '', '', '', '']
const vcArbiters = ['Fixed', 'WRR32', 'WRR64', 'WRR128', 'TWRR128', 'WRR256', '', '']

const reserved = (code: number) => `??${code}`

function arbitration(names: readonly string[], mask: number): string {
  return names
    .map((name, bit) => ({ name: name || reserved(bit), isSet: ((mask >>> bit) & 1) !== 0, isKnown: name !== '' }))
    .filter(({ isSet, isKnown }) => isSet || isKnown)
    .map(({ name, isSet }) => name + sign(isSet))
    .join(' ')
}

const selected = (names: readonly string[]) => (code: number) => names[code] || reserved(code)

const portRows = [
  row(
    vcOffset.portCapabilities1,
    VcPortCapabilities1,
    'Caps:\tLPEVC={lowPriorityCount} RefClk={referenceClock} PATEntryBits={arbitrationEntrySize}',
    { referenceClock: (code) => pick(['100ns'], reserved(code))(code, {}), arbitrationEntrySize: (n) => `${1 << n}` },
  ),
  row(vcOffset.portCapabilities2, VcPortCapabilities2, 'Arb:\t{arbitration}', {
    arbitration: (mask) => arbitration(portArbiters, mask),
  }),
  row(vcOffset.portControl, VcPortControl, 'Ctrl:\tArbSelect={arbitrationSelect}', {
    arbitrationSelect: selected(portArbiters),
  }),
  row(vcOffset.portStatus, VcPortStatus, 'Status:\tInProgress{tableStatus}'),
]

const resourceCapabilities = line(
  VcResourceCapabilities,
  'Caps:\tPATOffset={tableOffset:02x} MaxTimeSlots={maxTimeSlots} RejSnoopTrans{rejectSnoop}',
  { maxTimeSlots: (last) => String(last + 1) },
)
const resourceArbitration = line(VcResourceCapabilities, '\t\t\tArb:\t{arbitration}', {
  arbitration: (mask) => arbitration(vcArbiters, mask),
})
const resourceControl = line(
  VcResourceControl,
  '\t\t\tCtrl:\tEnable{enable} ID={id} ArbSelect={arbitrationSelect} TC/VC={trafficClasses:02x}',
  { arbitrationSelect: selected(vcArbiters) },
)
const resourceStatus = line(VcResourceStatus, '\t\t\tStatus:\tNegoPending{negotiationPending} InProgress{tableStatus}')

function resource(view: PrintView, n: number): string[] {
  const at = n * vcOffset.resourceStride
  if (!view.has(vcOffset.resourceCapabilities + at, vcOffset.resourceStride)) return [`\t\tVC${n}:\t<unreadable>`]
  const capabilities = view.read(vcOffset.resourceCapabilities + at, 4)
  const lines = [
    `\t\tVC${n}:\t${resourceCapabilities(capabilities)}`,
    resourceArbitration(capabilities),
    resourceControl(view.read(vcOffset.resourceControl + at, 4)),
    resourceStatus(view.read(vcOffset.resourceStatus + at, 2)),
  ]
  const { tableOffset } = VcResourceCapabilities.decode(capabilities)
  return tableOffset === 0 ? lines : [...lines, '\t\t\tPort Arbitration Table <?>']
}

function body(view: PrintView): string[] {
  const lines = portRows.map((inner) => inner(view) ?? '')
  const { tableOffset } = VcPortCapabilities2.decode(view.read(vcOffset.portCapabilities2, 4))
  if (tableOffset !== 0) {
    lines.push(`\t\tPort Arbitration Table [${(view.offset + 16 * tableOffset).toString(16)}] <?>`)
  }
  for (let n = 0; n < vcCount(view); n++) lines.push(...resource(view, n))
  return lines
}

export const virtualChannelPrinter: CapabilityPrinter = {
  title: () => 'Virtual Channel',
  needs: [vcOffset.portCapabilities1, 0x18],
  body,
}
