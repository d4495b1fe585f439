// Prints a configuration space as `lspci -vvv` of pciutils 3.13 does.
import { configBytes } from '../config-bytes.js'
import type { ConfigReader } from '../config-reader.js'
import { HeaderType, headerLayout, headerOffset } from '../header.js'
import { noNames, type PciNames } from '../names.js'
import { bridgeControlLines, busLine, secondaryStatusLine, windowLines } from './bridge.js'
import { capabilityLines } from './capability-lines.js'
import { cardbusLines, legacyPortLines } from './cardbus.js'
import { bistLines, controlLines, interruptLines, titleLines } from './header.js'
import type { SystemView } from './lspci-device.js'
import { regionLines, romLines } from './regions.js'

export interface LspciOptions {
  /** In full form, `0000:03:00.0`. */
  readonly address: string
  /** Whether to print the domain; lspci does as soon as one device of the machine has one other than zero. */
  readonly showDomain?: boolean
  readonly names?: PciNames
  /** What sysfs knows of the device; absent for a dump. */
  readonly system?: SystemView
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** The classes that a header type may have: bridges and only bridges have type 1 or 2. */
const bridgeClass = 0x06
const pciBridgeClass = 0x0604

function headerProblems(reader: ConfigReader, layout: number): string[] {
  if (layout > headerLayout.cardbus) return [`\t!!! Unknown header type ${hex(layout, 2)}`]
  const code = reader.read(headerOffset.subclass, 2)
  const isBridge = layout !== headerLayout.endpoint
  const isWrong = isBridge ? code >>> 8 !== bridgeClass : code === pciBridgeClass
  return isWrong ? [`\t!!! Invalid class ${hex(code, 4)} for header type ${hex(layout, 2)}`] : []
}

/** The lines, without a newline at the end. */
export function lspciLines(source: Uint8Array | ConfigReader, options: LspciOptions): string[] {
  const reader = source instanceof Uint8Array ? configBytes(source) : source
  const { address, names = noNames, system } = options
  const isInDomainZero = address.startsWith('0000:')
  const shown = isInDomainZero && !options.showDomain ? address.slice('0000:'.length) : address
  const { layout } = HeaderType.decode(reader.read(headerOffset.headerType, 1))
  const isKnown = layout <= headerLayout.cardbus
  const lines = [...titleLines(reader, shown, names, system), ...headerProblems(reader, layout)]

  if (system?.physicalSlot !== undefined) lines.push(`\tPhysical Slot: ${system.physicalSlot}`)
  if (isKnown) lines.push(...controlLines(reader, layout === headerLayout.endpoint))
  lines.push(...interruptLines(reader, isKnown, system))
  if (isKnown) lines.push(...bistLines(reader), ...regionLines(reader, system))

  if (layout === headerLayout.bridge) {
    lines.push(busLine(reader), ...windowLines(reader, system), secondaryStatusLine(reader))
  }
  if (layout === headerLayout.cardbus) lines.push(...cardbusLines(reader))
  lines.push(...romLines(reader, system))
  if (layout === headerLayout.bridge) lines.push(...bridgeControlLines(reader))
  if (layout === headerLayout.cardbus) lines.push(...legacyPortLines(reader))
  if (isKnown) {
    lines.push(...capabilityLines(reader, { names, system, isFirstFunction: address.endsWith(':00.0') }))
  }

  if (system?.driver !== undefined) lines.push(`\tKernel driver in use: ${system.driver}`)
  if (system?.modules?.length) lines.push(`\tKernel modules: ${system.modules.join(', ')}`)
  return lines
}

/** One device as `lspci -vvv` prints it, with the newline at the end and no empty line after it. */
export function formatLspci(source: Uint8Array | ConfigReader, options: LspciOptions): string {
  return `${lspciLines(source, options).join('\n')}\n`
}
