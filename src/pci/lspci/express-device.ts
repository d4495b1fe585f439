import { pcieOffset, portType } from '../capabilities/pcie.js'
import {
  DeviceCapabilities,
  DeviceCapabilities2,
  DeviceControl,
  DeviceControl2,
  DeviceStatus,
} from '../capabilities/pcie-device.js'
import { joined, onlyIf, type PrintView, type Row, row } from './capability-printer.js'
import {
  cacheLines,
  emergencyPower,
  l0sLatencies,
  l1Latencies,
  obffControl,
  obffSupport,
  timeoutRanges,
  timeouts,
  tphCompleter,
} from './express-text.js'
import { type line, pick } from './line.js'
import { powerLimit } from './power-limit.js'

const { endpoint, legacyEndpoint, rootPort, upstreamPort, downstreamPort, pcieToPciBridge, rootComplexEndpoint } =
  portType

/** A condition on the Device/Port Type. */
export function isType(...types: readonly number[]): (view: PrintView) => boolean {
  return (view) => view.portType !== undefined && types.includes(view.portType)
}

const bytes = (code: number): string => String(128 << code)
const cap = (text: string, formats?: Parameters<typeof line<typeof DeviceCapabilities.fields>>[2]) =>
  row(pcieOffset.deviceCapabilities, DeviceCapabilities, text, formats)
const cap2 = (text: string, formats?: Parameters<typeof line<typeof DeviceCapabilities2.fields>>[2]) =>
  row(pcieOffset.deviceCapabilities2, DeviceCapabilities2, text, formats)
const control = (text: string, formats?: Parameters<typeof line<typeof DeviceControl.fields>>[2]) =>
  row(pcieOffset.deviceControl, DeviceControl, text, formats)
const control2 = (text: string, formats?: Parameters<typeof line<typeof DeviceControl2.fields>>[2]) =>
  row(pcieOffset.deviceControl2, DeviceControl2, text, formats)

const hasFlr = (view: PrintView): boolean => {
  const canHave = isType(endpoint, legacyEndpoint, rootComplexEndpoint)(view)
  return canHave && DeviceCapabilities.decode(view.read(pcieOffset.deviceCapabilities, 4)).flr
}

export const deviceRows: readonly Row[] = [
  joined(
    cap('DevCap:\tMaxPayload {maxPayload} bytes, PhantFunc {phantomFunctions}', {
      maxPayload: bytes,
      phantomFunctions: (code) => String((1 << code) - 1),
    }),
    onlyIf(
      isType(endpoint, legacyEndpoint),
      cap(', Latency L0s {l0sLatency}, L1 {l1Latency}', {
        l0sLatency: pick(l0sLatencies),
        l1Latency: pick(l1Latencies),
      }),
    ),
  ),
  joined(
    cap('\tExtTag{extendedTag}'),
    onlyIf(
      isType(endpoint, legacyEndpoint, upstreamPort, pcieToPciBridge),
      cap(' AttnBtn{attentionButton} AttnInd{attentionIndicator} PwrInd{powerIndicator}'),
    ),
    cap(' RBE{roleBasedErrors}'),
    onlyIf(isType(endpoint, legacyEndpoint, rootComplexEndpoint), cap(' FLReset{flr}')),
    onlyIf(
      isType(endpoint, upstreamPort, pcieToPciBridge),
      cap(' SlotPowerLimit {slotPowerLimit}', {
        slotPowerLimit: (value, fields) => powerLimit(value, Number(fields['slotPowerScale'])),
      }),
    ),
    cap(' TEE-IO{teeIo}'),
  ),
  control(
    'DevCtl:\tCorrErr{correctableErrors} NonFatalErr{nonFatalErrors} FatalErr{fatalErrors} ' +
      'UnsupReq{unsupportedRequests}',
  ),
  joined(
    control(
      '\tRlxdOrd{relaxedOrdering} ExtTag{extendedTag} PhantFunc{phantomFunctions} AuxPwr{auxPower} NoSnoop{noSnoop}',
    ),
    onlyIf(isType(pcieToPciBridge), control(' BrConfRtry{initiateFlr}')),
    onlyIf(hasFlr, control(' FLReset{initiateFlr}')),
  ),
  control('\tMaxPayload {maxPayload} bytes, MaxReadReq {maxReadRequest} bytes', {
    maxPayload: bytes,
    maxReadRequest: bytes,
  }),
  row(
    pcieOffset.deviceStatus,
    DeviceStatus,
    'DevSta:\tCorrErr{correctableError} NonFatalErr{nonFatalError} FatalErr{fatalError} ' +
      'UnsupReq{unsupportedRequest} AuxPwr{auxPower} TransPend{transactionsPending}',
  ),
]

const routes = isType(rootPort, upstreamPort, downstreamPort)
const requests = isType(rootPort, endpoint, rootComplexEndpoint, legacyEndpoint)
const completes = (view: PrintView) => isType(rootPort)(view) || view.hasMemoryBar

export const device2Rows: readonly Row[] = [
  cap2(
    'DevCap2: Completion Timeout: {completionTimeoutRanges}, TimeoutDis{completionTimeoutDisable} ' +
      'NROPrPrP{noRelaxedOrderingPassing} LTR{ltr}',
    { completionTimeoutRanges: pick(timeoutRanges, 'Unknown') },
  ),
  cap2(
    '\t 10BitTagComp{tag10BitCompleter} 10BitTagReq{tag10BitRequester} OBFF {obff}, ExtFmt{extendedFmt} ' +
      'EETLPPrefix{endToEndPrefix}{maxEndToEndPrefixes}',
    {
      obff: pick(obffSupport),
      maxEndToEndPrefixes: (code, fields) => (fields['endToEndPrefix'] ? `, MaxEETLPPrefixes ${code || 4}` : ''),
    },
  ),
  cap2(
    '\t EmergencyPowerReduction {emergencyPowerReduction}, EmergencyPowerReductionInit{emergencyPowerReductionInit}',
    { emergencyPowerReduction: pick(emergencyPower) },
  ),
  joined(
    cap2('\t FRS{frs}'),
    onlyIf(isType(rootPort), cap2(' LN System CLS {lnSystemCls},', { lnSystemCls: pick(cacheLines) })),
    onlyIf(isType(rootPort, endpoint), cap2(' {tphCompleter}', { tphCompleter: pick(tphCompleter) })),
    onlyIf(isType(rootPort, downstreamPort), cap2(' ARIFwd{ariForwarding}')),
  ),
  onlyIf(
    (view) => routes(view) || view.hasMemoryBar,
    joined(
      cap2('\t AtomicOpsCap:'),
      onlyIf(routes, cap2(' Routing{atomicRouting}')),
      onlyIf(completes, cap2(' 32bit{atomic32} 64bit{atomic64} 128bitCAS{atomicCas128}')),
    ),
  ),
  joined(
    control2('DevCtl2: Completion Timeout: {completionTimeout}, TimeoutDis{completionTimeoutDisable}', {
      completionTimeout: pick(timeouts, 'Unknown'),
    }),
    onlyIf(isType(rootPort, downstreamPort), control2(' ARIFwd{ariForwarding}')),
  ),
  onlyIf(
    (view) => routes(view) || requests(view),
    joined(
      control2('\t AtomicOpsCtl:'),
      onlyIf(requests, control2(' ReqEn{atomicRequester}')),
      onlyIf(routes, control2(' EgressBlck{atomicEgressBlocking}')),
    ),
  ),
  control2(
    '\t IDOReq{idoRequest} IDOCompl{idoCompletion} LTR{ltr} ' +
      'EmergencyPowerReductionReq{emergencyPowerReductionRequest}',
  ),
  control2('\t 10BitTagReq{tag10BitRequester} OBFF {obff}, EETLPPrefixBlk{endToEndPrefixBlocking}', {
    obff: pick(obffControl),
  }),
]
