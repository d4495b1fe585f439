import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { matchReply } from '../../../../src/vfio-user/messages/match-reply.js'
import type { Reply, Request } from '../../../../src/vfio-user/messages/message.js'
import { regionInfoReply } from '../../../../src/vfio-user/messages/region-areas.js'

const asked = { offset: 4n, region: 7, count: 4 }
const read: Request = { kind: 'request', id: 1, command: 'REGION_READ', noReply: false, fds: 0, payload: asked }

function answer(changes: { offset?: bigint; region?: number; count?: number } = {}): Reply {
  const fields = { ...asked, ...changes }
  return {
    kind: 'reply',
    id: 1,
    command: 'REGION_READ',
    fds: 0,
    payload: { ...fields, data: new Uint8Array(fields.count) },
  }
}

const reasonOf = (reply: Parameters<typeof matchReply>[1], request: Request = read) =>
  matchReply(request, reply)?.reason

describe('a reply', () => {
  it('answers the request that it repeats', () => {
    assert.equal(reasonOf(answer()), undefined)
  })

  it('may be shorter than was asked for', () => {
    assert.equal(reasonOf(answer({ count: 2 })), undefined)
  })

  it('does not answer with more than was asked for', () => {
    assert.equal(reasonOf(answer({ count: 5 })), 'mismatch')
  })

  it('does not answer for another place', () => {
    assert.equal(reasonOf(answer({ offset: 8n })), 'mismatch')
    assert.equal(reasonOf(answer({ region: 6 })), 'mismatch')
  })

  it('does not answer a request with another id', () => {
    assert.equal(reasonOf({ ...answer(), id: 2 }), 'mismatch')
  })

  it('does not answer another command', () => {
    assert.equal(reasonOf({ kind: 'reply', id: 1, command: 'DEVICE_RESET', fds: 0, payload: {} }), 'mismatch')
  })

  it('may be an error, which answers whatever has its id', () => {
    assert.equal(reasonOf({ kind: 'error', id: 1, command: 'REGION_READ', errno: 22 }), undefined)
  })

  it('does not take more room than the request gave it', () => {
    const region = { index: 0, flags: 3, size: 0x4000n, offset: 0n, areas: [{ offset: 0n, size: 0x1000n }] }
    const payload = { argsz: 32, flags: 0, index: 0, cap_offset: 0, size: 0n, offset: 0n }
    const request: Request = {
      kind: 'request',
      id: 1,
      command: 'DEVICE_GET_REGION_INFO',
      noReply: false,
      fds: 0,
      payload,
    }
    const reply = (argsz: number): Reply => ({
      kind: 'reply',
      id: 1,
      command: 'DEVICE_GET_REGION_INFO',
      fds: 0,
      payload: regionInfoReply(region, argsz),
    })
    assert.equal(reasonOf(reply(32), request), undefined)
    assert.equal(reasonOf(reply(4096), request), 'mismatch')
  })
})
