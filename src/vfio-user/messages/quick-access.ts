// REGION_READ and REGION_WRITE of four bytes are nearly all that a guest causes, so the ordinary ones do not go through the
// tables: bytes to a message and back, field by field. Whatever is not ordinary, malformed above all, is left to the tables,
// and what is taken here comes out as they would have it: a test compares the two.
import type { ArrivedMessage, Receiver } from './decode-message.js'
import { Header, messageType } from './header.js'
import type { Message, Request } from './message.js'
import { RegionAccess } from './structs.js'

const readId = 9
const writeId = 10
const { msg_id: idAt, cmd: commandAt, msg_size: sizeAt, flags: flagsAt, error_no: errnoAt } = Header.offsets
/** Of the fields in a message, where `Header.size` bytes come first. */
const offsetAt = Header.size + RegionAccess.offsets.offset
const regionAt = Header.size + RegionAccess.offsets.region
const countAt = Header.size + RegionAccess.offsets.count
const dataAt = Header.size + RegionAccess.size
/** Below this, in its upper half, an offset and a 32-bit count do not leave 64 bits. */
const lastUpperHalf = 0xffff_ffff

const end64 = 1n << 64n

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** An ordinary access of a client; undefined for everything else. */
export function decodeQuickly({ bytes, fds, fdsLost }: ArrivedMessage, receiver: Receiver): Request | undefined {
  const { side, terms } = receiver
  const length = bytes.byteLength
  if (side !== 'server' || terms === undefined || length < dataAt || fds.length > 0 || fdsLost) return undefined
  const view = viewOf(bytes)
  const command = view.getUint16(commandAt, true)
  const count = view.getUint32(countAt, true)
  const expected = command === readId ? dataAt : command === writeId ? dataAt + count : 0
  const isOrdinary =
    length === expected &&
    view.getUint32(sizeAt, true) === length &&
    view.getUint32(flagsAt, true) === messageType.command &&
    count <= terms.maxDataTransfer &&
    view.getUint32(offsetAt + 4, true) < lastUpperHalf
  if (!isOrdinary) return undefined
  const id = view.getUint16(idAt, true)
  // Not put together from halves: to make a bigint of a number is slow.
  const offset = view.getBigUint64(offsetAt, true)
  const region = view.getUint32(regionAt, true)
  if (command === readId) {
    return { kind: 'request', id, command: 'REGION_READ', noReply: false, fds: 0, payload: { offset, region, count } }
  }
  const payload = { offset, region, count, data: bytes.subarray(dataAt) }
  return { kind: 'request', id, command: 'REGION_WRITE', noReply: false, fds: 0, payload }
}

/** Encodes the answer to such an access at the start of `into`. False: it is another message, and nothing was done. */
export function encodeQuickly(message: Message, into: Uint8Array): boolean {
  if (message.kind !== 'reply') return false
  if (message.command === 'REGION_READ') {
    const { payload } = message
    if (payload.data.byteLength !== payload.count || !isEncodable(payload)) return false
    into.set(payload.data, dataAt)
    put(message.id, readId, dataAt + payload.count, payload, into)
    return true
  }
  if (message.command !== 'REGION_WRITE' || !isEncodable(message.payload)) return false
  put(message.id, writeId, dataAt, message.payload, into)
  return true
}

interface Access {
  readonly offset: bigint
  readonly region: number
  readonly count: number
}

const fits32 = (value: number): boolean => value >>> 0 === value

function isEncodable({ offset, region, count }: Access): boolean {
  return offset >= 0n && offset < end64 && fits32(region) && fits32(count)
}

function put(id: number, command: number, size: number, { offset, region, count }: Access, into: Uint8Array): void {
  const view = viewOf(into)
  view.setUint16(idAt, id, true)
  view.setUint16(commandAt, command, true)
  view.setUint32(sizeAt, size, true)
  view.setUint32(flagsAt, messageType.reply, true)
  view.setUint32(errnoAt, 0, true)
  view.setBigUint64(offsetAt, offset, true)
  view.setUint32(regionAt, region, true)
  view.setUint32(countAt, count, true)
}
