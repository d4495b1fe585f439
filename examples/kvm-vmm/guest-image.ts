// What the VMM puts into the guest's memory: the program and the tables that protected mode needs.
import { assemble } from './assemble.js'
import { type EduProgramOptions, eduProgram, interruptVector } from './edu-program.js'
import { guestLayout, guestPort } from './guest-layout.js'

/** Flat segments of 4 GiB, for code and for data, present and accessed (Intel SDM volume 3, 3.4.5). */
export const codeSelector = 0x08
export const dataSelector = 0x10
const globalTable = [0n, 0x00cf_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn] as const
export const globalTableLimit = 8 * globalTable.length - 1

const interruptTableLimit = 8 * (interruptVector + 1) - 1
/** A present 32-bit interrupt gate of ring 0 (6.11). */
const interruptGate = 0x8e00

/** The program is written into zeroed memory. */
export function loadGuest(memory: Uint8Array, options: EduProgramOptions): void {
  memory.fill(0)
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
  const code = assemble(guestLayout.code, eduProgram(options))
  memory.set(code.bytes, guestLayout.code)
  for (const [index, descriptor] of globalTable.entries()) {
    view.setBigUint64(guestLayout.globalTable + 8 * index, descriptor, true)
  }
  const handler = code.labels.get('interrupt') ?? 0
  const gate = guestLayout.interruptTable + 8 * interruptVector
  view.setUint16(gate, handler & 0xffff, true)
  view.setUint16(gate + 2, codeSelector, true)
  view.setUint16(gate + 4, interruptGate, true)
  view.setUint16(gate + 6, handler >>> 16, true)
  view.setUint16(guestLayout.interruptTablePointer, interruptTableLimit, true)
  view.setUint32(guestLayout.interruptTablePointer + 2, guestLayout.interruptTable, true)
}

/** Where a processor begins (Intel SDM volume 3, 9.1.4): 16 bytes below 4 GiB. It says that it is there, and halts. */
export function resetRom(size: number): Uint8Array {
  const rom = new Uint8Array(size)
  const outAl = [0xe6, guestPort.reset]
  const haltForEver = [0xf4, 0xeb, 0xfd]
  rom.set([...outAl, ...haltForEver], size - 16)
  return rom
}
