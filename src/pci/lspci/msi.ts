import { MsiControl, msiOffset } from '../capabilities/msi.js'
import { MsixControl, MsixPba, MsixTable, msixOffset } from '../capabilities/msix.js'
import { type CapabilityPrinter, type PrintView, printer, row } from './capability-printer.js'
import { line } from './line.js'

const vectors = (log2: number): string => String(2 ** log2)
const msiTitle = line(
  MsiControl,
  'MSI: Enable{enable} Count={multipleEnable}/{multipleCapable} Maskable{perVectorMasking} 64bit{address64}',
  { multipleEnable: vectors, multipleCapable: vectors },
)

function hex(value: number, digits = 8): string {
  return value.toString(16).padStart(digits, '0')
}

function msiBody(view: PrintView): string[] {
  const { address64, perVectorMasking } = MsiControl.decode(view.read(msiOffset.control, 2))
  const dataAt = address64 ? msiOffset.data64 : msiOffset.data32
  if (!view.has(msiOffset.addressLow, dataAt + 2 - msiOffset.addressLow)) return []
  const high = address64 ? hex(view.read(msiOffset.addressHigh, 4)) : ''
  const low = hex(view.read(msiOffset.addressLow, 4))
  const lines = [`\t\tAddress: ${high}${low}  Data: ${hex(view.read(dataAt, 2), 4)}`]
  const maskAt = address64 ? msiOffset.mask64 : msiOffset.mask32
  const pendingAt = address64 ? msiOffset.pending64 : msiOffset.pending32
  if (perVectorMasking && view.has(maskAt, 8)) {
    lines.push(`\t\tMasking: ${hex(view.read(maskAt, 4))}  Pending: ${hex(view.read(pendingAt, 4))}`)
  }
  return lines
}

export const msiPrinter: CapabilityPrinter = {
  title: (view) => msiTitle(view.read(msiOffset.control, 2)),
  body: msiBody,
}

const msixTitle = line(MsixControl, 'MSI-X: Enable{enable} Count={tableSize} Masked{functionMask}', {
  tableSize: (size) => String(size + 1),
})
const offset = (units: number): string => hex(units * 8)

export const msixPrinter = printer(
  (view) => msixTitle(view.read(msixOffset.control, 2)),
  [msixOffset.table, 8],
  [
    row(msixOffset.table, MsixTable, 'Vector table: BAR={bar} offset={offset}', { offset }),
    row(msixOffset.pba, MsixPba, 'PBA: BAR={bar} offset={offset}', { offset }),
  ],
)
