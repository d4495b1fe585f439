// Extended capabilities about who may reach what: ACS, ARI, ATS, PRI and PASID.
import { AcsCapabilities, AcsControl, acsOffset } from '../capabilities/acs.js'
import { AriCapabilities, AriControl, ariOffset } from '../capabilities/ari.js'
import { AtsCapabilities, AtsControl, atsOffset } from '../capabilities/ats.js'
import { PasidCapabilities, PasidControl, pasidOffset } from '../capabilities/pasid.js'
import { PageRequestAllocation, PageRequestCapacity, PriControl, PriStatus, priOffset } from '../capabilities/pri.js'
import { joined, printer, row } from './capability-printer.js'

const acs =
  'SrcValid{sourceValidation} TransBlk{translationBlocking} ReqRedir{requestRedirect} ' +
  'CmpltRedir{completionRedirect} UpstreamFwd{upstreamForwarding} EgressCtrl{egressControl} ' +
  'DirectTrans{directTranslated}'

export const acsPrinter = printer(
  'Access Control Services',
  [acsOffset.capabilities, 4],
  [
    row(acsOffset.capabilities, AcsCapabilities, `ACSCap:\t${acs}`),
    row(acsOffset.control, AcsControl, `ACSCtl:\t${acs}`),
  ],
)

export const ariPrinter = printer(
  'Alternative Routing-ID Interpretation (ARI)',
  [ariOffset.capabilities, 4],
  [
    row(ariOffset.capabilities, AriCapabilities, 'ARICap:\tMFVC{mfvc} ACS{acs}, Next Function: {nextFunction}'),
    row(ariOffset.control, AriControl, 'ARICtl:\tMFVC{mfvc} ACS{acs}, Function Group: {functionGroup}'),
  ],
)

export const atsPrinter = printer(
  'Address Translation Service (ATS)',
  [atsOffset.capabilities, 4],
  [
    row(atsOffset.capabilities, AtsCapabilities, 'ATSCap:\tInvalidate Queue Depth: {invalidateQueueDepth:02x}'),
    row(
      atsOffset.control,
      AtsControl,
      'ATSCtl:\tEnable{enable}, Smallest Translation Unit: {smallestTranslationUnit:02x}',
    ),
  ],
)

export const priPrinter = printer(
  'Page Request Interface (PRI)',
  [priOffset.control, 12],
  [
    row(priOffset.control, PriControl, 'PRICtl: Enable{enable} Reset{reset}'),
    row(
      priOffset.status,
      PriStatus,
      'PRISta: RF{responseFailure} UPRGI{unexpectedGroup} Stopped{stopped} PASID{pasidRequired}',
    ),
    joined(
      row(priOffset.capacity, PageRequestCapacity, 'Page Request Capacity: {requests:08x}, '),
      row(priOffset.allocation, PageRequestAllocation, 'Page Request Allocation: {requests:08x}'),
    ),
  ],
)

export const pasidPrinter = printer(
  'Process Address Space ID (PASID)',
  [pasidOffset.capabilities, 4],
  [
    row(
      pasidOffset.capabilities,
      PasidCapabilities,
      'PASIDCap: Exec{execute} Priv{privileged}, Max PASID Width: {width:02x}',
    ),
    row(pasidOffset.control, PasidControl, 'PASIDCtl: Enable{enable} Exec{execute} Priv{privileged}'),
  ],
)
