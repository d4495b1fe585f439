// The lines of type 1 headers: bus numbers, what is forwarded, secondary status, bridge control.
import { BridgeControl } from '../bridge-control.js'
import { type BridgeWindow, decodeBridgeWindows } from '../bridge-windows.js'
import type { ConfigReader } from '../config-reader.js'
import { bridgeOffset } from '../header.js'
import { SecondaryStatus } from '../status.js'
import { deviceSelect } from './device-select.js'
import { line } from './line.js'
import type { SystemView } from './lspci-device.js'
import { sizeText } from './size-text.js'

const words = {
  io: { window: 'I/O', types: 'I/O', at: bridgeOffset.ioBase, limitAt: bridgeOffset.ioLimit, access: 1 },
  memory: {
    window: 'Memory',
    types: 'memory',
    at: bridgeOffset.memoryBase,
    limitAt: bridgeOffset.memoryLimit,
    access: 2,
  },
  prefetchable: {
    window: 'Prefetchable memory',
    types: 'prefetchable memory',
    at: bridgeOffset.prefetchableBase,
    limitAt: bridgeOffset.prefetchableLimit,
    access: 2,
  },
} as const

type Range = Pick<BridgeWindow, 'base' | 'limit' | 'width' | 'kind'>

function range({ base, limit, width, kind }: Range, isOff = false): string {
  const hex = (value: bigint) => value.toString(16).padStart(width / 4, '0')
  const size = !isOff && base <= limit ? sizeText(limit - base + 1n) : ' [disabled]'
  return `\t${words[kind].window} behind bridge: ${hex(base)}-${hex(limit)}${size} [${width}-bit]`
}

/** Where the windows of a bridge begin among the lines, with and without those of SR-IOV before them. */
const firstWindow = { withSriov: 13, without: 7 } as const

function systemRange(system: SystemView, window: BridgeWindow, index: number): Range | undefined {
  const windows = (system.resources ?? []).filter((resource) => resource.index >= firstWindow.without)
  const first = windows.some((resource) => resource.index >= firstWindow.withSriov)
    ? firstWindow.withSriov
    : firstWindow.without
  const resource = windows.find((candidate) => candidate.index === first + index)
  if (resource === undefined || resource.size === 0n) return undefined
  // lspci has no widths from the kernel, and prints the narrow ones.
  const width = window.kind === 'io' ? 16 : 32
  return { kind: window.kind, width, base: resource.start, limit: resource.start + resource.size - 1n }
}

function windowLine(reader: ConfigReader, window: BridgeWindow, isOff: boolean): string[] {
  const { types, at, limitAt, access } = words[window.kind]
  if (window.problem !== undefined) {
    const raw = [at, limitAt].map((offset) => reader.read(offset, access).toString(16)).join('/')
    return [`\t!!! Unknown ${types} range types ${raw}`]
  }
  // The kernel says that nothing is there, and the registers are zero: the bridge has no such window.
  const isAbsent = isOff && window.base === 0n && window.limit === (window.kind === 'io' ? 0xfffn : 0xfffffn)
  return isAbsent && window.kind !== 'memory' ? [] : [range(window, isOff)]
}

export function windowLines(reader: ConfigReader, system?: SystemView): string[] {
  const isKnown = system?.resources !== undefined
  return decodeBridgeWindows(reader).flatMap((window, index) => {
    const assigned = isKnown ? systemRange(system, window, index) : undefined
    return assigned === undefined ? windowLine(reader, window, isKnown) : [range(assigned)]
  })
}

export function busLine(reader: ConfigReader): string {
  const bus = (offset: number) => reader.read(offset, 1).toString(16).padStart(2, '0')
  const latency = reader.read(bridgeOffset.secondaryLatencyTimer, 1)
  return (
    `\tBus: primary=${bus(bridgeOffset.primaryBus)}, secondary=${bus(bridgeOffset.secondaryBus)}, ` +
    `subordinate=${bus(bridgeOffset.subordinateBus)}, sec-latency=${latency}`
  )
}

const secondaryStatus = line(
  SecondaryStatus,
  '\tSecondary status: 66MHz{capable66MHz} FastB2B{fastBackToBack} ParErr{masterParityError} DEVSEL={devselTiming} ' +
    '>TAbort{signaledTargetAbort} <TAbort{receivedTargetAbort} <MAbort{receivedMasterAbort} ' +
    '<SERR{receivedSystemError} <PERR{detectedParityError}',
  { devselTiming: deviceSelect },
)

export function secondaryStatusLine(reader: ConfigReader): string {
  return secondaryStatus(reader.read(bridgeOffset.secondaryStatus, 2))
}

const control = [
  line(
    BridgeControl,
    '\tBridgeCtl: Parity{parityError} SERR{serrEnable} NoISA{isaEnable} VGA{vgaEnable} VGA16{vga16Bit} ' +
      'MAbort{masterAbortMode} >Reset{secondaryBusReset} FastB2B{fastBackToBack}',
  ),
  line(
    BridgeControl,
    '\t\tPriDiscTmr{primaryDiscardTimer} SecDiscTmr{secondaryDiscardTimer} DiscTmrStat{discardTimerStatus} ' +
      'DiscTmrSERREn{discardTimerSerr}',
  ),
]

export function bridgeControlLines(reader: ConfigReader): string[] {
  return control.map((print) => print(reader.read(bridgeOffset.bridgeControl, 2)))
}
