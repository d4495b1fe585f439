import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  assertComesBack,
  client,
  packed,
  payloadOf,
  raw,
  reasonOf,
  receive,
  replyFlag,
  server,
  terms,
  u32,
  u64,
} from './wire.js'

const end = 1n << 64n
const access = (offset: number | bigint, region: number, count: number) => packed(u64(offset), u32(region), u32(count))

describe('REGION_READ', () => {
  it('names a region, an offset and a count', () => {
    assert.deepEqual(payloadOf(raw({ command: 9, payload: access(0x3d, 7, 1) })), {
      offset: 0x3dn,
      region: 7,
      count: 1,
    })
  })

  it('may ask for as much as was agreed on, and for no more', () => {
    assert.equal(receive(raw({ command: 9, payload: access(0, 0, terms.maxDataTransfer) })).kind, 'request')
    assert.equal(reasonOf(raw({ command: 9, payload: access(0, 0, terms.maxDataTransfer + 1) })), 'count')
  })

  it('is refused if it runs beyond 64 bits', () => {
    assert.equal(reasonOf(raw({ command: 9, payload: access(end - 4n, 0, 5) })), 'range')
  })

  it('is answered with the data', () => {
    const payload = { offset: 0n, region: 7, count: 4, data: Uint8Array.of(0xf4, 0x1a, 0x44, 0x10) }
    assertComesBack({ kind: 'reply', id: 12, command: 'REGION_READ', fds: 0, payload }, client)
  })

  it('is refused as a reply with less or more data than it counts', () => {
    const reply = (data: readonly number[]) =>
      raw({ command: 9, flags: replyFlag, payload: [...access(0, 7, 2), ...data] })
    assert.equal(reasonOf(reply([1]), client), 'length')
    assert.equal(reasonOf(reply([1, 2, 3]), client), 'length')
  })
})

describe('REGION_WRITE', () => {
  it('is refused with less or more data than it counts', () => {
    assert.equal(reasonOf(raw({ command: 10, payload: [...access(0, 7, 2), 1] })), 'length')
    assert.equal(reasonOf(raw({ command: 10, payload: [...access(0, 7, 2), 1, 2, 3] })), 'length')
  })

  it('is refused with a count beyond what was agreed on, whatever follows', () => {
    assert.equal(reasonOf(raw({ command: 10, payload: access(0, 7, 0xffffffff) })), 'count')
  })

  it('may be posted', () => {
    const payload = { offset: 0x10n, region: 0, count: 1, data: Uint8Array.of(1) }
    assertComesBack({ kind: 'request', id: 3, command: 'REGION_WRITE', noReply: true, fds: 0, payload }, server)
  })
})

describe('REGION_WRITE_MULTI', () => {
  const write = (count: number, offset: number | bigint = 0) => [...packed(u64(offset), u32(0), u32(count), u64(0x11))]
  const multi = (count: number | bigint, more: readonly number[]) =>
    raw({ command: 15, payload: [...packed(u64(count)), ...more] })

  it('holds several writes, in order', () => {
    const { items } = payloadOf(multi(2, [...write(4, 8), ...write(8, 16)])) as { items: { offset: bigint }[] }
    assert.deepEqual(
      items.map(({ offset }) => offset),
      [8n, 16n],
    )
  })

  it('is refused where it was not agreed on', () => {
    const without = { side: 'server', terms: { ...terms, writeMultiple: false } } as const
    assert.equal(reasonOf(multi(1, write(4)), without), 'command')
  })

  it('is refused with fewer or more writes than it counts', () => {
    assert.equal(reasonOf(multi(2, write(4))), 'length')
    assert.equal(reasonOf(multi(0, write(4))), 'length')
  })

  it('is refused with a count that would wrap', () => {
    assert.equal(reasonOf(multi((1n << 61n) + 1n, write(4))), 'length')
  })

  it('is refused with a write of more than eight bytes', () => {
    assert.equal(reasonOf(multi(1, write(9))), 'count')
  })

  it('is refused with a write beyond 64 bits', () => {
    assert.equal(reasonOf(multi(1, write(8, end - 4n))), 'range')
  })
})
