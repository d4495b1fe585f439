import {
  AerControl,
  aerOffset,
  CorrectableMask,
  CorrectableSource,
  CorrectableStatus,
  ErrorSource,
  HeaderLog,
  hasRootErrors,
  RootErrorCommand,
  RootErrorStatus,
  UncorrectableMask,
  UncorrectableSeverity,
  UncorrectableStatus,
} from '../capabilities/aer.js'
import { joined, onlyIf, type PrintView, printer, type Row, row } from './capability-printer.js'

const uncorrectable =
  'DLP{dataLinkProtocol} SDES{surpriseDown} TLP{poisonedTlp} FCP{flowControl} CmpltTO{completionTimeout} ' +
  'CmpltAbrt{completerAbort} UnxCmplt{unexpectedCompletion} RxOF{receiverOverflow} MalfTLP{malformedTlp}\n' +
  '\t\t\tECRC{ecrc} UnsupReq{unsupportedRequest} ACSViol{acsViolation} UncorrIntErr{internal} ' +
  'BlockedTLP{mcBlockedTlp} AtomicOpBlocked{atomicEgressBlocked} TLPBlockedErr{tlpPrefixBlocked}\n' +
  '\t\t\tPoisonTLPBlocked{poisonedTlpBlocked} DMWrReqBlocked{deferrableWriteBlocked} IDECheck{ideCheck} ' +
  'MisIDETLP{misroutedIdeTlp} PCRC_CHECK{pcrcCheck} TLPXlatBlocked{translationBlocked}'
const correctable =
  'RxErr{receiverError} BadTLP{badTlp} BadDLLP{badDllp} Rollover{replayRollover} Timeout{replayTimeout} ' +
  'AdvNonFatalErr{advisoryNonFatal} CorrIntErr{internal} HeaderOF{headerLogOverflow}'

const rootBytes = 12
const showsRoot = (view: PrintView) => hasRootErrors(view) && view.has(aerOffset.rootCommand, rootBytes)
const rootRow = (inner: Row): Row => onlyIf(showsRoot, inner)

export const aerPrinter = printer(
  'Advanced Error Reporting',
  [aerOffset.uncorrectableStatus, 40],
  [
    row(aerOffset.uncorrectableStatus, UncorrectableStatus, `UESta:\t${uncorrectable}`),
    row(aerOffset.uncorrectableMask, UncorrectableMask, `UEMsk:\t${uncorrectable}`),
    row(aerOffset.uncorrectableSeverity, UncorrectableSeverity, `UESvrt:\t${uncorrectable}`),
    row(aerOffset.correctableStatus, CorrectableStatus, `CESta:\t${correctable}`),
    row(aerOffset.correctableMask, CorrectableMask, `CEMsk:\t${correctable}`),
    row(
      aerOffset.control,
      AerControl,
      'AERCap:\tFirst Error Pointer: {firstErrorPointer:02x}, ECRCGenCap{ecrcGenerationCapable} ' +
        'ECRCGenEn{ecrcGenerationEnable} ECRCChkCap{ecrcCheckCapable} ECRCChkEn{ecrcCheckEnable}',
    ),
    row(
      aerOffset.control,
      AerControl,
      '\tMultHdrRecCap{multipleHeaderCapable} MultHdrRecEn{multipleHeaderEnable} TLPPfxPres{tlpPrefixLogPresent} ' +
        'HdrLogCap{completionTimeoutLog}',
    ),
    joined(
      row(aerOffset.headerLog, HeaderLog, 'HeaderLog: {dword:08x}'),
      ...[4, 8, 12].map((at) => row(aerOffset.headerLog + at, HeaderLog, ' {dword:08x}')),
    ),
    rootRow(
      row(aerOffset.rootCommand, RootErrorCommand, 'RootCmd: CERptEn{correctable} NFERptEn{nonFatal} FERptEn{fatal}'),
    ),
    rootRow(
      row(
        aerOffset.rootStatus,
        RootErrorStatus,
        'RootSta: CERcvd{correctableReceived} MultCERcvd{multipleCorrectable} UERcvd{uncorrectableReceived} ' +
          'MultUERcvd{multipleUncorrectable}',
      ),
    ),
    rootRow(
      row(
        aerOffset.rootStatus,
        RootErrorStatus,
        '\t FirstFatal{firstFatal} NonFatalMsg{nonFatalReceived} FatalMsg{fatalReceived} IntMsgNum {interruptMessage}',
      ),
    ),
    rootRow(
      joined(
        row(aerOffset.correctableSource, CorrectableSource, 'ErrorSrc: ERR_COR: {requesterId:04x} '),
        row(aerOffset.errorSource, ErrorSource, 'ERR_FATAL/NONFATAL: {requesterId:04x}'),
      ),
    ),
  ],
)
