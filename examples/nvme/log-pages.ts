// Get Log Page (NVM Express Base 1.4, 5.14): errors, health, firmware.
import type { CommandHandler } from './enabled-controller.js'
import { status } from './entries.js'
import { identity, limits } from './limits.js'
import { toHost } from './prp.js'

const errorEntry = 64

function health(): Uint8Array {
  const view = new DataView(new ArrayBuffer(512))
  view.setUint16(1, 310, true) // composite temperature, in kelvin
  view.setUint8(3, 100) // available spare, and its threshold, in percent
  view.setUint8(4, 10)
  return new Uint8Array(view.buffer)
}

function firmware(): Uint8Array {
  const bytes = new Uint8Array(512)
  bytes[0] = 1 // slot 1 is active
  bytes.set(new TextEncoder().encode(identity.firmware.padEnd(8)), 8)
  return bytes
}

const pages: ReadonlyMap<number, () => Uint8Array> = new Map([
  [0x01, () => new Uint8Array(errorEntry)],
  [0x02, health],
  [0x03, firmware],
])

export const getLogPage: CommandHandler = async ({ session }, command) => {
  const make = pages.get(command.dword10 & 0xff)
  if (make === undefined) return { status: status.invalidLogPage }
  // Dwords, 0-based, in two halves; the offset is in bytes.
  const length = ((command.dword10 >>> 16) + (command.dword11 & 0xffff) * 0x1_0000 + 1) * 4
  const offset = command.dword12 + command.dword13 * 2 ** 32
  const log = make()
  if (length > limits.transferBytes || offset > log.length || offset % 4 !== 0) return { status: status.invalidField }
  const data = new Uint8Array(length)
  data.set(log.subarray(offset, offset + length))
  return { status: await toHost(session.dma, command, data) }
}
