import { pcieOffset } from '../capabilities/pcie.js'
import { RootCapabilities, RootControl, RootStatus } from '../capabilities/pcie-root.js'
import { SlotCapabilities, SlotControl, SlotStatus } from '../capabilities/pcie-slot.js'
import { type Row, row } from './capability-printer.js'
import { indicators } from './express-text.js'
import { pick } from './line.js'
import { powerLimit } from './power-limit.js'

export const slotRows: readonly Row[] = [
  row(
    pcieOffset.slotCapabilities,
    SlotCapabilities,
    'SltCap:\tAttnBtn{attentionButton} PwrCtrl{powerController} MRL{mrlSensor} AttnInd{attentionIndicator} ' +
      'PwrInd{powerIndicator} HotPlug{hotPlugCapable} Surprise{hotPlugSurprise}',
  ),
  row(
    pcieOffset.slotCapabilities,
    SlotCapabilities,
    '\tSlot #{slotNumber}, PowerLimit {powerLimit}; Interlock{interlock} NoCompl{noCommandCompleted}',
    { powerLimit: (value, fields) => powerLimit(value, Number(fields['powerScale'])) },
  ),
  row(
    pcieOffset.slotControl,
    SlotControl,
    'SltCtl:\tEnable: AttnBtn{attentionButton} PwrFlt{powerFault} MRL{mrlSensor} PresDet{presenceDetect} ' +
      'CmdCplt{commandCompleted} HPIrq{hotPlugInterrupt} LinkChg{linkStateChanged}',
  ),
  row(
    pcieOffset.slotControl,
    SlotControl,
    '\tControl: AttnInd {attentionIndicator}, PwrInd {powerIndicator}, Power{powerController} Interlock{interlock}',
    { attentionIndicator: pick(indicators), powerIndicator: pick(indicators) },
  ),
  row(
    pcieOffset.slotStatus,
    SlotStatus,
    'SltSta:\tStatus: AttnBtn{attentionButton} PowerFlt{powerFault} MRL{mrlState} CmdCplt{commandCompleted} ' +
      'PresDet{presenceState} Interlock{interlock}',
  ),
  row(
    pcieOffset.slotStatus,
    SlotStatus,
    '\tChanged: MRL{mrlChanged} PresDet{presenceChanged} LinkState{linkStateChanged}',
  ),
]

export const rootRows: readonly Row[] = [
  row(pcieOffset.rootCapabilities, RootCapabilities, 'RootCap: CRSVisible{crsVisibility}'),
  row(
    pcieOffset.rootControl,
    RootControl,
    'RootCtl: ErrCorrectable{correctableErrors} ErrNon-Fatal{nonFatalErrors} ErrFatal{fatalErrors} ' +
      'PMEIntEna{pmeInterrupt} CRSVisible{crsVisibility}',
  ),
  row(
    pcieOffset.rootStatus,
    RootStatus,
    'RootSta: PME ReqID {pmeRequesterId:04x}, PMEStatus{pmeStatus} PMEPending{pmePending}',
  ),
]
