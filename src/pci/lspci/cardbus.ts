// The lines of type 2 headers (PC Card 8.0, CardBus bridges).
import { register } from '../../bits/register.js'
import { Command } from '../command.js'
import type { ConfigReader } from '../config-reader.js'
import { cardbusOffset, headerOffset } from '../header.js'
import { SecondaryStatus } from '../status.js'
import { line } from './line.js'

export const CardbusControl = register('PCI_CB_BRIDGE_CONTROL', 16, {
  parityError: [0],
  serrEnable: [1],
  isaEnable: [2],
  vgaEnable: [3],
  masterAbortMode: [5],
  reset: [6],
  interrupts16Bit: [7],
  prefetchMemory0: [8],
  prefetchMemory1: [9],
  postWrites: [10],
})

const hex = (value: number, digits = 8): string => (value >>> 0).toString(16).padStart(digits, '0')
const off = (isOn: boolean): string => (isOn ? '' : ' [disabled]')

const control = line(
  CardbusControl,
  '\tBridgeCtl: Parity{parityError} SERR{serrEnable} ISA{isaEnable} VGA{vgaEnable} MAbort{masterAbortMode} ' +
    '>Reset{reset} 16bInt{interrupts16Bit} PostWrite{postWrites}',
)

/** Windows go in steps of 4 KiB of memory and 4 bytes of I/O. */
const memoryFill = 0xfff
const ioFill = 3
const io32Bit = 1

export function cardbusLines(reader: ConfigReader): string[] {
  const at = cardbusOffset
  const { memorySpace, ioSpace } = Command.decode(reader.read(headerOffset.command, 2))
  const raw = reader.read(at.bridgeControl, 2)
  const { prefetchMemory0, prefetchMemory1 } = CardbusControl.decode(raw)
  const bus = (offset: number) => hex(reader.read(offset, 1), 2)
  const lines = [
    `\tBus: primary=${bus(at.primaryBus)}, secondary=${bus(at.cardBus)}, subordinate=${bus(at.subordinateBus)}, ` +
      `sec-latency=${reader.read(at.latencyTimer, 1)}`,
  ]
  for (const [n, isPrefetchable] of [prefetchMemory0, prefetchMemory1].entries()) {
    const base = reader.read(at.memoryBase0 + 8 * n, 4)
    const limit = reader.read(at.memoryLimit0 + 8 * n, 4) + memoryFill
    const kind = isPrefetchable ? ' (prefetchable)' : ''
    lines.push(`\tMemory window ${n}: ${hex(base)}-${hex(limit)}${off(memorySpace)}${kind}`)
  }
  for (const n of [0, 1]) {
    const registers = [reader.read(at.ioBase0 + 8 * n, 4), reader.read(at.ioLimit0 + 8 * n, 4)] as const
    const mask = (registers[0] & io32Bit) !== 0 ? ~3 : 0xfffc
    const [base, limit] = [registers[0] & mask, (registers[1] & mask) + ioFill]
    lines.push(`\tI/O window ${n}: ${hex(base)}-${hex(limit)}${off(ioSpace)}`)
  }
  if (SecondaryStatus.decode(reader.read(at.secondaryStatus, 2)).receivedSystemError) {
    lines.push('\tSecondary status: SERR')
  }
  lines.push(control(raw))
  return lines
}

const legacyMode = 0x44

export function legacyPortLines(reader: ConfigReader): string[] {
  // Only 64 bytes may be readable; these registers come after.
  if (reader.size < legacyMode + 4) return []
  const base = reader.read(legacyMode, 2)
  return base === 0 ? [] : [`\t16-bit legacy interface ports at ${hex(base, 4)}`]
}
