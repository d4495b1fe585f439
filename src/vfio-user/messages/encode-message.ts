// From a message to bytes. Values that contradict themselves are misuse, and throw.
import { commands, definitionOf } from './commands.js'
import { encodeHeader, Header, messageType } from './header.js'
import type { Message } from './message.js'
import type { Payload } from './payload.js'
import { encodeQuickly } from './quick-access.js'
import type { Rejection } from './rejection.js'
import { assertConsistent } from './tails.js'

function payloadOf(message: Exclude<Message, { kind: 'error' }>): Payload<object> {
  const definition = definitionOf(message.command)
  return message.kind === 'request' ? definition.request : definition.reply
}

/** The bytes that `encodeMessage` will write. */
export function messageSize(message: Message): number {
  return message.kind === 'error' ? Header.size : Header.size + payloadOf(message).size(message.payload)
}

/**
 * Encodes a message at the start of `into`, or in fresh bytes, and returns exactly its bytes.
 * @throws QuiesceError if the message contradicts itself, or `into` is too small
 * @throws RangeError if a field does not fit
 */
export function encodeMessage(message: Message, into?: Uint8Array): Uint8Array {
  const size = messageSize(message)
  assertConsistent(into === undefined || into.byteLength >= size, `it takes ${size} bytes`)
  const bytes = (into ?? new Uint8Array(size)).subarray(0, size)
  if (encodeQuickly(message, bytes)) return bytes
  if (message.kind === 'error') {
    return encodeError(message.id, commands[message.command].id, message.errno, bytes)
  }
  const { id, kind } = message
  const type = kind === 'reply' ? messageType.reply : messageType.command
  const noReply = kind === 'request' && message.noReply
  encodeHeader({ id, command: commands[message.command].id, size, type, noReply, error: false, errno: 0 }, bytes)
  payloadOf(message).write(message.payload, bytes.subarray(Header.size))
  return bytes
}

function encodeError(id: number, command: number, errno: number, bytes: Uint8Array): Uint8Array {
  const type = messageType.reply
  encodeHeader({ id, command, size: Header.size, type, noReply: false, error: true, errno }, bytes)
  return bytes
}

/** The error reply to a refused message; `undefined` where none is due. */
export function encodeRejection({ id, command, errno, answer }: Rejection): Uint8Array | undefined {
  return answer ? encodeError(id, command, errno, new Uint8Array(Header.size)) : undefined
}
