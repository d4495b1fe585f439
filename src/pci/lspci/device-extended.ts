// Extended capabilities about the device: serial number, TPH, DOE and Resizable BAR.
import { DoeCapabilities, DoeControl, DoeStatus, doeOffset } from '../capabilities/doe.js'
import { dsnOffset } from '../capabilities/dsn.js'
import { RebarCapabilities, RebarControl, rebarOffset } from '../capabilities/rebar.js'
import { TphCapabilities, tphOffset } from '../capabilities/tph.js'
import { type CapabilityPrinter, onlyIf, type PrintView, printer, row } from './capability-printer.js'

export const dsnPrinter: CapabilityPrinter = {
  title: (view) => {
    const digits = [dsnOffset.high, dsnOffset.low].map((at) => view.read(at, 4).toString(16).padStart(8, '0')).join('')
    return `Device Serial Number ${digits.replaceAll(/..(?=.)/g, '$&-')}`
  },
}

const tables = [
  'No steering table available',
  'Steering table in TPH capability structure',
  'Steering table in MSI-X table',
  'Reserved steering table location',
]
const tph = (view: PrintView) => TphCapabilities.decode(view.read(tphOffset.capabilities, 4))
const tphRow = (text: string) => row(tphOffset.capabilities, TphCapabilities, text)

export const tphPrinter = printer(
  'Transaction Processing Hints',
  [tphOffset.capabilities, 4],
  [
    onlyIf((view) => tph(view).interruptVector, tphRow('Interrupt vector mode supported')),
    onlyIf((view) => tph(view).deviceSpecific, tphRow('Device specific mode supported')),
    onlyIf((view) => tph(view).extendedRequester, tphRow('Extended requester support')),
    row(tphOffset.capabilities, TphCapabilities, '{tableLocation}', { tableLocation: (code) => tables[code] ?? '' }),
  ],
)

const doe = (view: PrintView) => DoeCapabilities.decode(view.read(doeOffset.capabilities, 4))

export const doePrinter = printer(
  'Data Object Exchange',
  [doeOffset.capabilities, 0x14],
  [
    row(doeOffset.capabilities, DoeCapabilities, 'DOECap: IntSup{interrupt}'),
    onlyIf(
      (view) => doe(view).interrupt,
      row(doeOffset.capabilities, DoeCapabilities, '\tIntMsgNum {interruptMessage}'),
    ),
    row(doeOffset.control, DoeControl, 'DOECtl: IntEn{interrupt}'),
    row(doeOffset.status, DoeStatus, 'DOESta: Busy{busy} IntSta{interrupt} Error{error} ObjectReady{objectReady}'),
  ],
)

const units = ['MB', 'GB', 'TB', 'PB', 'EB']
const firstLargeSize = 28
const lastSize = 43

/** From 1 MB at 0 to 8 EB at 43. */
function barSize(log2: number): string {
  return log2 > lastSize ? ' <unknown>' : ` ${2 ** (log2 % 10)}${units[Math.floor(log2 / 10)]}`
}

function sizesOf(mask: number, first: number): string {
  return Array.from({ length: 32 }, (_, bit) => bit)
    .filter((bit) => ((mask >>> bit) & 1) !== 0)
    .map((bit) => barSize(first + bit))
    .join('')
}

function rebarBody(view: PrintView): string[] {
  const lines: string[] = []
  let count = 1
  for (let n = 0; n < count; n++) {
    const at = n * rebarOffset.stride
    if (!view.has(rebarOffset.capabilities + at, 8)) return [...lines, '\t\t<unreadable>']
    const { sizes } = RebarCapabilities.decode(view.read(rebarOffset.capabilities + at, 4))
    const control = RebarControl.decode(view.read(rebarOffset.control + at, 4))
    if (n === 0) {
      count = control.barCount
      if (count < 1 || count > 6) {
        return [`\t\t<error in resizable BAR: num_bars=${count} is out of specification>`]
      }
    }
    const supported = sizesOf(sizes, 0) + sizesOf(control.largeSizes, firstLargeSize)
    const list = supported === '' ? '' : `, supported:${supported}`
    lines.push(`\t\tBAR ${control.barIndex}: current size:${barSize(control.barSize)}${list}`)
  }
  return lines
}

export const rebarPrinter: CapabilityPrinter = { title: () => 'Physical Resizable BAR', body: rebarBody }
export const vfRebarPrinter: CapabilityPrinter = { title: () => 'Virtual Resizable BAR', body: rebarBody }
