// Extended capabilities about the link and its power: DPC, LTR, L1 PM Substates, PTM, Secondary PCI Express.
import { DpcCapabilities, DpcControl, DpcSource, DpcStatus, dpcOffset } from '../capabilities/dpc.js'
import { L1pmCapabilities, L1pmControl1, L1pmControl2, l1pmOffset } from '../capabilities/l1pm.js'
import { LaneMarginingCapabilities, LaneMarginingStatus, laneMarginingOffset } from '../capabilities/lane-margining.js'
import { ltrOffset, MaxNoSnoopLatency, MaxSnoopLatency } from '../capabilities/ltr.js'
import { PtmCapabilities, PtmControl, ptmOffset } from '../capabilities/ptm.js'
import { LaneErrors, LinkControl3, secondaryPcieOffset } from '../capabilities/secondary-pcie.js'
import { joined, onlyIf, type PrintView, printer, row } from './capability-printer.js'

export const dpcPrinter = printer(
  'Downstream Port Containment',
  [dpcOffset.capabilities, 8],
  [
    row(
      dpcOffset.capabilities,
      DpcCapabilities,
      'DpcCap:\tIntMsgNum {interruptMessage}, RPExt{rootPortExtensions} PoisonedTLP{poisonedTlpBlocking} ' +
        'SwTrigger{softwareTrigger} RP PIO Log {rootPortPioLogSize}, DL_ActiveErr{linkActiveError}',
    ),
    row(
      dpcOffset.control,
      DpcControl,
      'DpcCtl:\tTrigger:{trigger} Cmpl{completion} INT{interrupt} ErrCor{errCor} PoisonedTLP{poisonedTlpBlocking} ' +
        'SwTrigger{softwareTrigger} DL_ActiveErr{linkActiveError}',
    ),
    row(
      dpcOffset.status,
      DpcStatus,
      'DpcSta:\tTrigger{triggered} Reason:{reason:02x} INT{interrupt} RPBusy{rootPortBusy} ' +
        'TriggerExt:{reasonExtension:02x} RP PIO ErrPtr:{rootPortPioFirstError:02x}',
    ),
    row(dpcOffset.source, DpcSource, 'Source:\t{requesterId:04x}'),
  ],
)

/** 1, 32, 1024 ... nanoseconds; scales above 5 are reserved. */
const nanoseconds = (value: number, scale: number): string => `${value * 32 ** scale}ns`
const latency = {
  value: (value: number, fields: Readonly<Record<string, boolean | number>>) =>
    nanoseconds(value, Number(fields['scale'])),
}

export const ltrPrinter = printer(
  'Latency Tolerance Reporting',
  [ltrOffset.maxSnoop, 4],
  [
    row(ltrOffset.maxSnoop, MaxSnoopLatency, 'Max snoop latency: {value}', latency),
    row(ltrOffset.maxNoSnoop, MaxNoSnoopLatency, 'Max no snoop latency: {value}', latency),
  ],
)

/** Microseconds by T_POWER_ON Scale; 3 is reserved. */
const powerOnUnits: Readonly<Record<number, number>> = { 0: 2, 1: 10, 2: 100 }

function powerOn(value: number, fields: Readonly<Record<string, boolean | number>>): string {
  const unit = powerOnUnits[Number(fields['powerOnScale'])]
  return unit === undefined ? '<error>' : `${value * unit}us`
}

function threshold(value: number, fields: Readonly<Record<string, boolean | number>>): string {
  const scale = Number(fields['ltrThresholdScale'])
  return scale > 5 ? '<error>' : nanoseconds(value, scale)
}

const l1Capabilities = (view: PrintView) => L1pmCapabilities.decode(view.read(l1pmOffset.capabilities, 4))
const hasAspmL12 = (view: PrintView) => l1Capabilities(view).aspmL12
const hasL12 = (view: PrintView) => l1Capabilities(view).pciPmL12 || hasAspmL12(view)
const substates = 'PCI-PM_L1.2{pciPmL12} PCI-PM_L1.1{pciPmL11} ASPM_L1.2{aspmL12} ASPM_L1.1{aspmL11}'

export const l1pmPrinter = printer(
  'L1 PM Substates',
  [l1pmOffset.capabilities, 12],
  [
    row(l1pmOffset.capabilities, L1pmCapabilities, `L1SubCap: ${substates} L1_PM_Substates{substates}`),
    onlyIf(
      hasL12,
      row(
        l1pmOffset.capabilities,
        L1pmCapabilities,
        '\t  PortCommonModeRestoreTime={commonModeRestore}us PortTPowerOnTime={powerOnValue}',
        { powerOnValue: powerOn },
      ),
    ),
    row(l1pmOffset.control1, L1pmControl1, `L1SubCtl1: ${substates}`),
    onlyIf(
      hasL12,
      joined(
        row(l1pmOffset.control1, L1pmControl1, '\t   T_CommonMode={commonModeRestore}us'),
        onlyIf(
          hasAspmL12,
          row(l1pmOffset.control1, L1pmControl1, ' LTR1.2_Threshold={ltrThreshold}', { ltrThreshold: threshold }),
        ),
      ),
    ),
    joined(
      row(l1pmOffset.control2, L1pmControl2, 'L1SubCtl2:'),
      onlyIf(hasL12, row(l1pmOffset.control2, L1pmControl2, ' T_PwrOn={powerOnValue}', { powerOnValue: powerOn })),
    ),
  ],
)

/** Nanoseconds; 255 stands for more than 254, and 0 has a meaning that differs. */
const granularity = (zero: string) => (value: number) =>
  value === 0 ? zero : value === 0xff ? 'Greater than 254ns' : `${value}ns`

export const ptmPrinter = printer(
  'Precision Time Measurement',
  [ptmOffset.capabilities, 8],
  [
    row(ptmOffset.capabilities, PtmCapabilities, 'PTMCap: Requester{requester} Responder{responder} Root{root}'),
    row(ptmOffset.capabilities, PtmCapabilities, 'PTMClockGranularity: {granularity}', {
      granularity: granularity('Unimplemented'),
    }),
    row(ptmOffset.control, PtmControl, 'PTMControl: Enabled{enable} RootSelected{rootSelect}'),
    row(ptmOffset.control, PtmControl, 'PTMEffectiveGranularity: {granularity}', {
      granularity: granularity('Unknown'),
    }),
  ],
)

export const laneMarginingPrinter = printer(
  'Lane Margining at the Receiver',
  [laneMarginingOffset.capabilities, 4],
  [
    row(laneMarginingOffset.capabilities, LaneMarginingCapabilities, 'PortCap: Uses Driver{usesDriver}'),
    row(laneMarginingOffset.status, LaneMarginingStatus, 'PortSta: MargReady{ready} MargSoftReady{softwareReady}'),
  ],
)

/** The set bits of a word, lowest first. */
function bits(value: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => ((value >>> bit) & 1) !== 0)
}

export const secondaryPciePrinter = printer(
  'Secondary PCI Express',
  [secondaryPcieOffset.linkControl3, 12],
  [
    row(
      secondaryPcieOffset.linkControl3,
      LinkControl3,
      'LnkCtl3: LnkEquIntrruptEn{equalizationInterrupt} PerformEqu{performEqualization}',
    ),
    row(secondaryPcieOffset.laneErrors, LaneErrors, 'LaneErrStat: {lanes}', {
      lanes: (lanes) => (lanes === 0 ? '0' : `LaneErr at lane: ${bits(lanes).join(' ')}`),
    }),
  ],
)
