import { pcieOffset, portType } from '../capabilities/pcie.js'
import {
  LinkCapabilities,
  LinkCapabilities2,
  LinkControl,
  LinkControl2,
  LinkStatus,
  LinkStatus2,
} from '../capabilities/pcie-link.js'
import { joined, onlyIf, type PrintView, type Row, row } from './capability-printer.js'
import { isType } from './express-device.js'
import {
  aspmControl,
  aspmSupport,
  compliancePresets,
  components,
  crosslinks,
  deemphasis,
  l0sLatencies,
  l1Latencies,
  linkSpeeds,
  supportedSpeeds,
  transmitMargins,
} from './express-text.js'
import { type line, pick } from './line.js'

const { endpoint, legacyEndpoint, rootPort, downstreamPort, pcieToPciBridge, pciToPcieBridge } = portType

/** Both or neither of the exit latencies count, by what ASPM is supported. */
function exitLatency(aspm: number, fields: Readonly<Record<string, boolean | number>>): string {
  if (aspm === 0) return aspmSupport[0] ?? ''
  const l0s = (aspm & 1) !== 0 ? [`L0s ${l0sLatencies[Number(fields['l0sExitLatency'])]}`] : []
  const l1 = (aspm & 2) !== 0 ? [`L1 ${l1Latencies[Number(fields['l1ExitLatency'])]}`] : []
  return `${aspmSupport[aspm]}, Exit Latency ${[...l0s, ...l1].join(', ')}`
}

/** A port above a link may have better capabilities than what is below it: only the device's side is "downgraded". */
const looksDown = isType(rootPort, downstreamPort, pciToPcieBridge)

function compared(view: PrintView, status: number, capability: number): string {
  if (status > capability) return ' (overdriven)'
  return status === capability || looksDown(view) ? '' : ' (downgraded)'
}

const linkStatus: Row = (view) => {
  const has = LinkCapabilities.decode(view.read(pcieOffset.linkCapabilities, 4))
  return row(pcieOffset.linkStatus, LinkStatus, 'LnkSta:\tSpeed {speed}, Width x{width}', {
    speed: (code) => `${linkSpeeds[code] ?? 'unknown'}${compared(view, code, has.maxSpeed)}`,
    width: (lanes) => `${lanes}${compared(view, lanes, has.maxWidth)}`,
  })(view)
}

const control = (text: string, formats?: Parameters<typeof line<typeof LinkControl.fields>>[2]) =>
  row(pcieOffset.linkControl, LinkControl, text, formats)

export const linkRows: readonly Row[] = [
  row(
    pcieOffset.linkCapabilities,
    LinkCapabilities,
    'LnkCap:\tPort #{portNumber}, Speed {maxSpeed}, Width x{maxWidth}, ASPM {aspm}',
    { maxSpeed: pick(linkSpeeds, 'unknown'), aspm: exitLatency },
  ),
  row(
    pcieOffset.linkCapabilities,
    LinkCapabilities,
    '\tClockPM{clockPowerManagement} Surprise{surpriseDown} LLActRep{linkActiveReporting} ' +
      'BwNot{bandwidthNotification} ASPMOptComp{aspmOptionality}',
  ),
  joined(
    control('LnkCtl:\tASPM {aspm};', { aspm: pick(aspmControl) }),
    onlyIf(
      isType(rootPort, endpoint, legacyEndpoint, pcieToPciBridge),
      control(' RCB {readCompletionBoundary128} bytes,', {
        readCompletionBoundary128: (flag) => (flag ? '128' : '64'),
      }),
    ),
    control(' LnkDisable{disable} CommClk{commonClock}'),
  ),
  control(
    '\tExtSynch{extendedSynch} ClockPM{clockPowerManagement} AutWidDis{autonomousWidthDisable} ' +
      'BWInt{bandwidthInterrupt} AutBWInt{autonomousBandwidthInterrupt}',
  ),
  linkStatus,
  row(
    pcieOffset.linkStatus,
    LinkStatus,
    '\tTrErr{trainingError} Train{training} SlotClk{slotClock} DLActive{linkActive} BWMgmt{bandwidthManagement} ' +
      'ABWMgmt{autonomousBandwidth}',
  ),
]

/** The other functions of an endpoint keep no link registers of their own (PCIe 6.0 section 7.5.3.18). */
const ownsLink = (view: PrintView) => view.isFirstFunction || !isType(endpoint, legacyEndpoint)(view)
const capabilities2 = (view: PrintView) => (ownsLink(view) ? view.read(pcieOffset.linkCapabilities2, 4) : 0)
const reportsDrs = (view: PrintView) => looksDown(view) && LinkCapabilities2.decode(capabilities2(view)).drs

const control2 = (text: string, formats?: Parameters<typeof line<typeof LinkControl2.fields>>[2]) =>
  onlyIf(ownsLink, row(pcieOffset.linkControl2, LinkControl2, text, formats))
const status2 = (text: string, formats?: Parameters<typeof line<typeof LinkStatus2.fields>>[2]) =>
  row(pcieOffset.linkStatus2, LinkStatus2, text, formats)

export const link2Rows: readonly Row[] = [
  onlyIf(
    (view) => capabilities2(view) !== 0,
    row(
      pcieOffset.linkCapabilities2,
      LinkCapabilities2,
      'LnkCap2: Supported Link Speeds: {speeds}, Crosslink{crosslink} Retimer{retimer} 2Retimers{twoRetimers} ' +
        'DRS{drs}',
      { speeds: supportedSpeeds },
    ),
  ),
  onlyIf(
    ownsLink,
    joined(
      control2(
        'LnkCtl2: Target Link Speed: {targetSpeed}, EnterCompliance{enterCompliance} ' +
          'SpeedDis{autonomousSpeedDisable}',
        { targetSpeed: pick({ 0: '2.5GT/s', ...linkSpeeds }, 'Unknown') },
      ),
      onlyIf(
        isType(downstreamPort),
        control2(', Selectable De-emphasis: {selectableDeemphasis}', { selectableDeemphasis: pick(deemphasis) }),
      ),
    ),
  ),
  control2(
    '\t Transmit Margin: {transmitMargin}, EnterModifiedCompliance{enterModifiedCompliance} ' +
      'ComplianceSOS{complianceSos}',
    { transmitMargin: pick(transmitMargins, 'Unknown') },
  ),
  control2('\t Compliance Preset/De-emphasis: {compliancePreset}', {
    compliancePreset: pick(compliancePresets, 'Unknown'),
  }),
  status2(
    'LnkSta2: Current De-emphasis Level: {currentDeemphasis}, EqualizationComplete{equalizationComplete} ' +
      'EqualizationPhase1{equalizationPhase1}',
    { currentDeemphasis: pick(deemphasis) },
  ),
  status2(
    '\t EqualizationPhase2{equalizationPhase2} EqualizationPhase3{equalizationPhase3} ' +
      'LinkEqualizationRequest{equalizationRequest}',
  ),
  joined(
    status2('\t Retimer{retimer} 2Retimers{twoRetimers} CrosslinkRes: {crosslinkResolution}', {
      crosslinkResolution: pick(crosslinks),
    }),
    onlyIf(reportsDrs, status2(', DRS{drsReceived}')),
  ),
  onlyIf(
    reportsDrs,
    status2('\t DownstreamComp: {downstreamComponent}', { downstreamComponent: pick(components, 'Reserved') }),
  ),
]
