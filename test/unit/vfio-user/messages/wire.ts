// What the tests of the codec share: messages by hand, and both ends of a connection.
import assert from 'node:assert/strict'
import { decodeMessage, type Receiver } from '../../../../src/vfio-user/messages/decode-message.js'
import { encodeMessage } from '../../../../src/vfio-user/messages/encode-message.js'
import type { Message } from '../../../../src/vfio-user/messages/message.js'
import type { Rejection } from '../../../../src/vfio-user/messages/rejection.js'
import type { Terms } from '../../../../src/vfio-user/messages/terms.js'

export const terms: Terms = {
  minor: 0,
  maxMessageFds: 16,
  peerMaxMessageFds: 16,
  maxDataTransfer: 65536,
  maxDmaMaps: 65535,
  pageSizes: 4096n,
  writeMultiple: true,
  migration: undefined,
}

export const server: Receiver = { side: 'server', terms }
export const client: Receiver = { side: 'client', terms }

export const replyFlag = 1
export const noReplyFlag = 0x10
export const errorFlag = 0x20

type Word = readonly [width: 1 | 2 | 4 | 8, value: number | bigint]

export const u8 = (value: number): Word => [1, value]
export const u16 = (value: number): Word => [2, value]
export const u32 = (value: number): Word => [4, value]
export const u64 = (value: number | bigint): Word => [8, value]

/** Little-endian numbers, one after the other. */
export function packed(...words: readonly Word[]): number[] {
  return words.flatMap(([width, value]) =>
    Array.from({ length: width }, (_, index) => Number((BigInt(value) >> BigInt(8 * index)) & 0xffn)),
  )
}

export interface Raw {
  readonly id?: number
  readonly command: number
  readonly flags?: number
  readonly errno?: number
  /** In the header, where it is not the true one. */
  readonly size?: number
  readonly payload?: readonly number[]
}

/** A message's bytes, made without the codec. */
export function raw({
  id = 7,
  command,
  flags = 0,
  errno = 0,
  payload = [],
  size = 16 + payload.length,
}: Raw): Uint8Array {
  return Uint8Array.from([...packed(u16(id), u16(command), u32(size), u32(flags), u32(errno)), ...payload])
}

const descriptors = (count: number): number[] => Array.from({ length: count }, (_, index) => 100 + index)

export function receive(bytes: Uint8Array, receiver: Receiver = server, fds = 0): Message | Rejection {
  return decodeMessage({ bytes, fds: descriptors(fds), fdsLost: false }, receiver)
}

/** The rejection's reason; the errno is EINVAL in all that the codec refuses. */
export function reasonOf(bytes: Uint8Array, receiver: Receiver = server, fds = 0): string {
  const outcome = receive(bytes, receiver, fds)
  if (outcome.kind !== 'rejected') return `accepted: ${outcome.kind} ${outcome.command}`
  assert.equal(outcome.errno, 22)
  return outcome.reason
}

/** What the payload of an accepted message is. */
export function payloadOf(bytes: Uint8Array, receiver: Receiver = server, fds = 0): object {
  const outcome = receive(bytes, receiver, fds)
  if (outcome.kind === 'rejected') assert.fail(`${outcome.reason}: ${outcome.detail}`)
  assert.notEqual(outcome.kind, 'error')
  return outcome.kind === 'error' ? {} : outcome.payload
}

/** Encodes and decodes; the result is what it was, or the test fails. */
export function assertComesBack(message: Message, receiver: Receiver): void {
  const bytes = encodeMessage(message)
  const fds = message.kind === 'error' ? 0 : message.fds
  assert.deepEqual(receive(bytes, receiver, fds), message)
}
