import { PmBridgeExtensions, PmCapabilities, PmControlStatus, pmOffset } from '../capabilities/pm.js'
import { onlyIf, printer, row } from './capability-printer.js'
import { line, pick } from './line.js'

/** Milliampere by AuxCurrent (PCI PM 1.2 section 3.2.3). */
const auxCurrents = ['0', '55', '100', '160', '220', '270', '320', '375']

const title = line(PmCapabilities, 'Power Management version {version}')
const flags = row(
  pmOffset.capabilities,
  PmCapabilities,
  'Flags: PMEClk{pmeClock} DSI{deviceSpecificInit} D1{d1} D2{d2} AuxCurrent={auxCurrent}mA ' +
    'PME(D0{pmeD0},D1{pmeD1},D2{pmeD2},D3hot{pmeD3Hot},D3cold{pmeD3Cold})',
  { auxCurrent: pick(auxCurrents) },
)
const status = row(
  pmOffset.controlStatus,
  PmControlStatus,
  'Status: D{powerState} NoSoftRst{noSoftReset} PME-Enable{pmeEnable} DSel={dataSelect} DScale={dataScale} ' +
    'PME{pmeStatus}',
)
const bridge = row(pmOffset.bridgeExtensions, PmBridgeExtensions, 'Bridge: PM{powerClockControl} B3{~b2OnD3Hot}')

// The flags print even where the rest of the capability is out of reach.
export const pmPrinter = {
  title: printer((view) => title(view.read(pmOffset.capabilities, 2)), [0, 0], []).title,
  body: (view: Parameters<typeof flags>[0]) => {
    const rows = [flags]
    if (view.has(pmOffset.controlStatus, 4)) {
      rows.push(
        status,
        onlyIf((it) => it.read(pmOffset.bridgeExtensions, 1) !== 0, bridge),
      )
    }
    return rows.map((inner) => inner(view)).filter((text) => text !== undefined)
  },
}
