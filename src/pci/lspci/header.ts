// The lines that every device has: the first one, Control, Status, Latency, Interrupt.
import { Command } from '../command.js'
import type { ConfigReader } from '../config-reader.js'
import { Bist, headerOffset } from '../header.js'
import { className, deviceName, type PciNames, programmingInterfaceName, subsystemName } from '../names.js'
import { Status } from '../status.js'
import { subsystemOf } from '../subsystem-of.js'
import { deviceSelect } from './device-select.js'
import { line } from './line.js'
import type { SystemView } from './lspci-device.js'

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** The system's, where it knows better: those of a virtual function are all ones in its configuration space. */
export function deviceIds(reader: ConfigReader, system: SystemView | undefined) {
  return {
    vendorId: system?.vendorId ?? reader.read(headerOffset.vendorId, 2),
    deviceId: system?.deviceId ?? reader.read(headerOffset.deviceId, 2),
  }
}

/** `03:00.0 Ethernet controller: Intel Corporation ... (rev 01) (prog-if 02 [...])`, and its subsystem. */
export function titleLines(
  reader: ConfigReader,
  address: string,
  names: PciNames,
  system: SystemView | undefined,
): string[] {
  const { vendorId, deviceId } = deviceIds(reader, system)
  const [base, sub] = [reader.read(headerOffset.baseClass, 1), reader.read(headerOffset.subclass, 1)]
  const progIf = reader.read(headerOffset.programmingInterface, 1)
  const revision = reader.read(headerOffset.revision, 1)
  const mode = programmingInterfaceName(names, base, sub, progIf)
  const rev = revision === 0 ? '' : ` (rev ${hex(revision, 2)})`
  const interfaceName = mode === undefined ? '' : ` [${mode}]`
  const prog = progIf === 0 && mode === undefined ? '' : ` (prog-if ${hex(progIf, 2)}${interfaceName})`
  const lines = [`${address} ${className(names, base, sub)}: ${deviceName(names, vendorId, deviceId)}${rev}${prog}`]
  const own = subsystemOf(reader)
  const subsystem =
    system?.subsystemVendorId === undefined || system.subsystemId === undefined
      ? own
      : { subsystemVendorId: system.subsystemVendorId, subsystemId: system.subsystemId }
  if (subsystem !== undefined && subsystem.subsystemVendorId !== 0 && subsystem.subsystemVendorId !== 0xffff) {
    const { subsystemVendorId, subsystemId } = subsystem
    lines.push(`\tSubsystem: ${subsystemName(names, vendorId, deviceId, subsystemVendorId, subsystemId)}`)
  }
  return lines
}

const control = line(
  Command,
  '\tControl: I/O{ioSpace} Mem{memorySpace} BusMaster{busMaster} SpecCycle{specialCycles} ' +
    'MemWINV{memoryWriteInvalidate} VGASnoop{vgaSnoop} ParErr{parityError} Stepping{stepping} SERR{serrEnable} ' +
    'FastB2B{fastBackToBack} DisINTx{intxDisable}',
)
const status = line(
  Status,
  '\tStatus: Cap{capabilitiesList} 66MHz{capable66MHz} UDF{userDefinable} FastB2B{fastBackToBack} ' +
    'ParErr{masterParityError} DEVSEL={devselTiming} >TAbort{signaledTargetAbort} <TAbort{receivedTargetAbort} ' +
    '<MAbort{receivedMasterAbort} >SERR{signaledSystemError} <PERR{detectedParityError} INTx{interrupt}',
  { devselTiming: deviceSelect },
)

/** Min_Gnt and Max_Lat count quarters of a microsecond. */
const quarter = 250

function latencyLine(reader: ConfigReader, isEndpoint: boolean): string {
  const minimum = isEndpoint ? reader.read(headerOffset.minGnt, 1) * quarter : 0
  const maximum = isEndpoint ? reader.read(headerOffset.maxLat, 1) * quarter : 0
  const bounds = [minimum === 0 ? '' : `${minimum}ns min`, maximum === 0 ? '' : `${maximum}ns max`].filter(Boolean)
  const cacheLine = reader.read(headerOffset.cacheLineSize, 1) * 4
  return (
    `\tLatency: ${reader.read(headerOffset.latencyTimer, 1)}` +
    (bounds.length === 0 ? '' : ` (${bounds.join(', ')})`) +
    (cacheLine === 0 ? '' : `, Cache Line Size: ${cacheLine} bytes`)
  )
}

export function controlLines(reader: ConfigReader, isEndpoint: boolean): string[] {
  const command = reader.read(headerOffset.command, 2)
  const lines = [control(command), status(reader.read(headerOffset.status, 2))]
  return Command.decode(command).busMaster ? [...lines, latencyLine(reader, isEndpoint)] : lines
}

export function interruptLines(reader: ConfigReader, isKnownHeader: boolean, system?: SystemView): string[] {
  const pin = isKnownHeader ? reader.read(headerOffset.interruptPin, 1) : 0
  // What the kernel assigned; the register is the firmware's note, and counts only where there is no kernel to ask.
  const irq = system === undefined ? reader.read(headerOffset.interruptLine, 1) : (system.irq ?? 0)
  const lines: string[] = []
  if (pin !== 0 || irq !== 0) {
    const letter = pin === 0 ? '?' : String.fromCharCode(('A'.charCodeAt(0) + pin - 1) & 0xff)
    lines.push(`\tInterrupt: pin ${letter} routed to IRQ ${irq}`)
  }
  if (system?.numaNode !== undefined && system.numaNode !== -1) lines.push(`\tNUMA node: ${system.numaNode}`)
  if (system?.iommuGroup !== undefined) lines.push(`\tIOMMU group: ${system.iommuGroup}`)
  return lines
}

export function bistLines(reader: ConfigReader): string[] {
  const { capable, start, completionCode } = Bist.decode(reader.read(headerOffset.bist, 1))
  if (!capable) return []
  return [start ? '\tBIST is running' : `\tBIST result: ${hex(completionCode, 2)}`]
}
