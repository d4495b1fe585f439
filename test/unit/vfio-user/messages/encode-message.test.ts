import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeMessage, messageSize } from '../../../../src/vfio-user/messages/encode-message.js'
import type { Message } from '../../../../src/vfio-user/messages/message.js'
import { errorFlag, raw, replyFlag } from './wire.js'

const payload = { offset: 0n, region: 7, count: 2, data: Uint8Array.of(1, 2) }
const write: Message = { kind: 'request', id: 7, command: 'REGION_WRITE', noReply: false, fds: 0, payload }

describe('encoding a message', () => {
  it('takes as many bytes as announced', () => {
    assert.equal(encodeMessage(write).byteLength, messageSize(write))
  })

  it('writes every byte of it into memory that was used before', () => {
    const used = new Uint8Array(64).fill(0xaa)
    assert.deepEqual(encodeMessage(write, used), encodeMessage(write))
    const version: Message = {
      kind: 'reply',
      id: 1,
      command: 'VERSION',
      fds: 0,
      payload: { major: 0, minor: 0, json: '{}' },
    }
    assert.deepEqual(encodeMessage(version, used.fill(0xaa)), encodeMessage(version))
  })

  it('writes nothing beyond it', () => {
    const used = new Uint8Array(64).fill(0xaa)
    const { byteLength } = encodeMessage(write, used)
    assert.ok(used.subarray(byteLength).every((byte) => byte === 0xaa))
  })

  it('is an error without room for it', () => {
    assert.throws(
      () => encodeMessage(write, new Uint8Array(33)),
      /Cannot encode a vfio-user message: it takes 34 bytes/,
    )
  })

  it('is an error if the data is not as long as it says', () => {
    const wrong = { ...write, payload: { ...payload, count: 3 } } as Message
    assert.throws(() => encodeMessage(wrong), /Cannot encode a vfio-user message: count is not the length of the data/)
  })

  it('is an error if a field does not fit', () => {
    const wrong = { ...write, payload: { ...payload, region: 2 ** 32 } } as Message
    assert.throws(() => encodeMessage(wrong), RangeError)
  })

  it('is a header alone for an error', () => {
    const error = encodeMessage({ kind: 'error', id: 7, command: 'DMA_MAP', errno: 17 })
    assert.deepEqual(error, raw({ command: 2, flags: replyFlag | errorFlag, errno: 17 }))
  })
})
