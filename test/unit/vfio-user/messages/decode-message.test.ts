import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeMessage } from '../../../../src/vfio-user/messages/decode-message.js'
import { encodeRejection } from '../../../../src/vfio-user/messages/encode-message.js'
import {
  client,
  errorFlag,
  noReplyFlag,
  packed,
  raw,
  reasonOf,
  receive,
  replyFlag,
  server,
  terms,
  u32,
  u64,
} from './wire.js'

const reset = raw({ command: 13 })
const read = (count: number) => [...packed(u64(0), u32(7), u32(count))]
const beforeVersion = { side: 'server', terms: undefined } as const

describe('a message', () => {
  it('is refused if it is shorter than a header', () => {
    assert.equal(reasonOf(reset.subarray(0, 15)), 'size')
  })

  it('is refused if its size is not that of its bytes', () => {
    assert.equal(reasonOf(raw({ command: 13, size: 17 })), 'size')
  })

  it('is refused if it is neither a command nor a reply', () => {
    assert.equal(reasonOf(raw({ command: 13, flags: 2 })), 'type')
  })

  for (const command of [0, 14, 19, 999, 0xffff]) {
    it(`is refused with command ${command}, which does not exist`, () => {
      assert.equal(reasonOf(raw({ command, payload: [0] })), 'command')
    })
  }

  it('is refused before VERSION', () => {
    assert.equal(reasonOf(reset, beforeVersion), 'order')
  })

  it('is refused if it is a VERSION and there was one', () => {
    assert.equal(reasonOf(raw({ command: 1, payload: [0, 0, 0, 0] })), 'order')
  })

  it('is refused if it is a command that only the receiver sends', () => {
    assert.equal(reasonOf(raw({ command: 11, payload: packed(u64(0), u64(4)) })), 'direction')
  })

  it('is refused if it replies to a command that only the sender sends', () => {
    assert.equal(reasonOf(raw({ command: 8, flags: replyFlag })), 'direction')
  })

  it('is refused without the payload that its command has', () => {
    assert.equal(reasonOf(raw({ command: 8 })), 'length')
  })

  it('is refused with more descriptors than were agreed on', () => {
    assert.equal(reasonOf(reset, server, terms.maxMessageFds + 1), 'fds')
  })

  it('is refused if descriptors of it were lost', () => {
    const outcome = decodeMessage({ bytes: reset, fds: [], fdsLost: true }, server)
    assert.equal(outcome.kind === 'rejected' && outcome.reason, 'fds')
  })

  it('is accepted with descriptors that it has no use for, and says so', () => {
    const outcome = receive(reset, server, 2)
    assert.equal(outcome.kind === 'request' && outcome.fds, 0)
  })

  it('keeps the id and the wish for no reply', () => {
    const outcome = receive(raw({ id: 0xbad1, command: 13, flags: noReplyFlag }))
    assert.deepEqual(outcome, {
      kind: 'request',
      id: 0xbad1,
      command: 'DEVICE_RESET',
      noReply: true,
      fds: 0,
      payload: {},
    })
  })

  it('says what failed, of an error reply', () => {
    const outcome = receive(raw({ command: 2, flags: replyFlag | errorFlag, errno: 17 }), client)
    assert.deepEqual(outcome, { kind: 'error', id: 7, command: 'DMA_MAP', errno: 17 })
  })

  it('may be an error reply with a payload, which is ignored', () => {
    const outcome = receive(raw({ command: 9, flags: replyFlag | errorFlag, errno: 5, payload: [1, 2, 3] }), client)
    assert.deepEqual(outcome, { kind: 'error', id: 7, command: 'REGION_READ', errno: 5 })
  })

  it('gives its data as a view, without a copy', () => {
    const bytes = raw({ command: 10, payload: [...read(4), 1, 2, 3, 4] })
    const outcome = receive(bytes)
    assert.ok(outcome.kind === 'request' && outcome.command === 'REGION_WRITE')
    assert.equal(outcome.payload.data.buffer, bytes.buffer)
  })
})

describe('a rejection', () => {
  const rejectionOf = (bytes: Uint8Array, receiver: Parameters<typeof receive>[1] = server) => {
    const outcome = receive(bytes, receiver)
    assert.ok(outcome.kind === 'rejected')
    return outcome
  }

  it('is answered by a header with EINVAL, the id and the command', () => {
    const reply = encodeRejection(rejectionOf(raw({ id: 0xbad1, command: 999, payload: [0] })))
    assert.deepEqual(reply, raw({ id: 0xbad1, command: 999, flags: replyFlag | errorFlag, errno: 22 }))
  })

  it('is not answered if no reply is wanted', () => {
    assert.equal(encodeRejection(rejectionOf(raw({ command: 999, flags: noReplyFlag }))), undefined)
  })

  it('is not answered if it is of a reply, so that two peers cannot answer each other for ever', () => {
    assert.equal(encodeRejection(rejectionOf(raw({ command: 8, flags: replyFlag }))), undefined)
  })

  it('says whether the request of ours is lost', () => {
    assert.equal(rejectionOf(raw({ command: 9, flags: replyFlag }), client).of, 'reply')
  })

  it('ends the connection while nothing was agreed on', () => {
    assert.equal(rejectionOf(raw({ command: 13 }), beforeVersion).fatal, true)
  })

  it('leaves the connection as it is afterwards', () => {
    assert.equal(rejectionOf(raw({ command: 999 })).fatal, false)
  })
})
