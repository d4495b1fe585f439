// The header of every message: vfio-user specification, "Header". Little-endian, as every machine that Quiesce runs on.
import { register } from '../../bits/register.js'
import { struct } from '../../bits/struct.js'

export const Header = struct('vfio_user_header', {
  msg_id: 'u16',
  cmd: 'u16',
  msg_size: 'u32',
  flags: 'u32',
  error_no: 'u32',
})

/** Bits 6 and up are undefined; they are ignored, as the reference does. */
export const HeaderFlags = register('vfio_user_header.flags', 32, { type: [3, 0], noReply: [4], error: [5] })

export const messageType = { command: 0, reply: 1 } as const

export interface MessageHeader {
  /** The sender's own: the receiver may conclude nothing from it, and echoes it. */
  readonly id: number
  readonly command: number
  /** Of the whole message, header included. */
  readonly size: number
  readonly type: number
  readonly noReply: boolean
  readonly error: boolean
  readonly errno: number
}

const at = Header.offsets
const typeMask = HeaderFlags.mask('type')
const noReplyMask = HeaderFlags.mask('noReply')
const errorMask = HeaderFlags.mask('error')

/** Reads a header. Every message passes here, so it reads by the struct's offsets and not field by field. */
export function decodeHeader(bytes: Uint8Array): MessageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const flags = view.getUint32(at.flags, true)
  return {
    id: view.getUint16(at.msg_id, true),
    command: view.getUint16(at.cmd, true),
    size: view.getUint32(at.msg_size, true),
    type: flags & typeMask,
    noReply: (flags & noReplyMask) !== 0,
    error: (flags & errorMask) !== 0,
    errno: view.getUint32(at.error_no, true),
  }
}

/** Whether a message says that it is a reply: without reading the rest of its header. */
export function isReply(message: Uint8Array): boolean {
  return message.byteLength >= Header.size && ((message[at.flags] ?? 0) & typeMask) === messageType.reply
}

/** Writes a header at the start of `into`. @throws RangeError if a field does not fit */
export function encodeHeader(header: MessageHeader, into: Uint8Array): void {
  const { id, command, size, type, noReply, error, errno } = header
  assertBits('msg_id', id, 16)
  assertBits('cmd', command, 16)
  assertBits('msg_size', size, 32)
  assertBits('error_no', errno, 32)
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength)
  view.setUint16(at.msg_id, id, true)
  view.setUint16(at.cmd, command, true)
  view.setUint32(at.msg_size, size, true)
  view.setUint32(at.flags, (type & typeMask) | (noReply ? noReplyMask : 0) | (error ? errorMask : 0), true)
  view.setUint32(at.error_no, errno, true)
}

function assertBits(field: string, value: number, bits: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
    throw new RangeError(`Cannot encode ${Header.name}.${field}: ${value} does not fit in ${bits} bits`)
  }
}
