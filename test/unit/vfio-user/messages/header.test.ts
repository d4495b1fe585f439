import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeHeader, encodeHeader, Header } from '../../../../src/vfio-user/messages/header.js'
import { errnoOfReply } from '../../../../src/vfio-user/messages/wire-errno.js'

const header = { id: 0x1234, command: 9, size: 0x20, type: 1, noReply: false, error: true, errno: 22 }

describe('the header', () => {
  it('is 16 bytes', () => {
    assert.equal(Header.size, 16)
  })

  it('is little-endian, in the order of the specification', () => {
    const bytes = new Uint8Array(16)
    encodeHeader(header, bytes)
    assert.deepEqual([...bytes], [0x34, 0x12, 9, 0, 0x20, 0, 0, 0, 0x21, 0, 0, 0, 22, 0, 0, 0])
  })

  it('decodes to what was encoded', () => {
    const bytes = new Uint8Array(16)
    encodeHeader(header, bytes)
    assert.deepEqual(decodeHeader(bytes), header)
  })

  it('refuses an id of more than 16 bits', () => {
    assert.throws(() => encodeHeader({ ...header, id: 0x10000 }, new Uint8Array(16)), RangeError)
  })

  it('ignores flags that nobody has defined', () => {
    const bytes = new Uint8Array(16)
    bytes[8] = 0xc0
    const { type, noReply, error } = decodeHeader(bytes)
    assert.deepEqual({ type, noReply, error }, { type: 0, noReply: false, error: false })
  })
})

describe('the errno of an error reply', () => {
  it('is the one in the header', () => {
    assert.equal(errnoOfReply(17), 17)
  })

  it('is EINVAL where there is none', () => {
    assert.equal(errnoOfReply(0), 22)
  })

  it('is EINVAL where the number can be no errno', () => {
    assert.equal(errnoOfReply(4097), 22)
  })
})
