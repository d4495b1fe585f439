import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dirtyBitmapBytes } from '../../../../src/vfio-user/messages/payloads/feature-table.js'
import { client, packed, payloadOf, raw, reasonOf, receive, replyFlag, terms, u32, u64 } from './wire.js'

const get = 1 << 16
const set = 1 << 17
const probe = 1 << 18

const feature = (flags: number, argsz: number, data: readonly number[] = []) =>
  raw({ command: 16, payload: [...packed(u32(argsz), u32(flags)), ...data] })

const stateData = packed(u32(3), u32(0))
const report = (length: number | bigint, pageSize: number | bigint) => packed(u64(0), u64(length), u64(pageSize))
const start = (pageSize: number, ranges: number, more: readonly number[] = []) => [
  ...packed(u64(pageSize), u32(ranges), u32(0)),
  ...more,
]

describe('DEVICE_FEATURE', () => {
  it('reads migration with room for the answer', () => {
    assert.equal(receive(feature(get | 1, 16)).kind, 'request')
  })

  it('is refused without that room', () => {
    assert.equal(reasonOf(feature(get | 1, 15)), 'argsz')
  })

  it('sets the state of the device', () => {
    assert.deepEqual(
      (payloadOf(feature(set | 2, 16, stateData)) as { data: Uint8Array }).data,
      Uint8Array.from(stateData),
    )
  })

  it('is refused if it sets a state and does not say which', () => {
    assert.equal(reasonOf(feature(set | 2, 16, [3, 0, 0])), 'length')
  })

  it('is refused if what it sets does not fit its own argsz', () => {
    assert.equal(reasonOf(feature(set | 2, 15, stateData)), 'argsz')
  })

  it('probes for several operations at once', () => {
    assert.equal(receive(feature(probe | get | set | 2, 8)).kind, 'request')
  })

  it('is refused if it probes for an operation that the feature does not have', () => {
    assert.equal(reasonOf(feature(probe | set | 1, 8)), 'feature')
  })

  it('is refused for a feature that is not carried', () => {
    assert.equal(reasonOf(feature(get | 5, 64)), 'feature')
  })

  it('is refused if it neither reads nor sets nor probes', () => {
    assert.equal(reasonOf(feature(2, 16, stateData)), 'flags')
  })

  it('is refused if it reads and sets', () => {
    assert.equal(reasonOf(feature(get | set | 2, 16, stateData)), 'flags')
  })

  it('is refused with a flag that is not defined', () => {
    assert.equal(reasonOf(feature(get | (1 << 19) | 1, 16)), 'flags')
  })

  it('starts the log of dirty pages with its ranges', () => {
    assert.equal(receive(feature(set | 6, 40, start(4096, 1, packed(u64(0), u64(4096))))).kind, 'request')
  })

  it('is refused with fewer ranges than it counts', () => {
    assert.equal(reasonOf(feature(set | 6, 40, start(4096, 2, packed(u64(0), u64(4096))))), 'count')
    assert.equal(reasonOf(feature(set | 6, 24, start(4096, 0xffffffff))), 'count')
  })

  it('is refused with pages of a size that is no power of two', () => {
    assert.equal(reasonOf(feature(set | 6, 24, start(4095, 0))), 'feature')
    assert.equal(reasonOf(feature(get | 8, 4096, report(4096, 0))), 'feature')
  })

  it('reads the log with room for the bitmap', () => {
    assert.equal(receive(feature(get | 8, 8 + 24 + 8, report(0x10000, 4096))).kind, 'request')
    assert.equal(reasonOf(feature(get | 8, 8 + 24 + 7, report(0x10000, 4096))), 'argsz')
  })

  it('is refused if it reads the log and does not say of what', () => {
    assert.equal(reasonOf(feature(get | 8, 4096)), 'length')
  })

  it('is refused if the bitmap is more than one message may carry', () => {
    assert.equal(reasonOf(feature(get | 8, 0xffffffff, report((1n << 64n) - 1n, 1))), 'count')
  })

  it('is refused as a reply that is shorter than the answer', () => {
    const reply = raw({ command: 16, flags: replyFlag, payload: packed(u32(16), u32(get | 1), u32(0)) })
    assert.equal(reasonOf(reply, client), 'length')
  })

  it('is refused as a reply without the bitmap that it announces', () => {
    const payload = [...packed(u32(40), u32(get | 8)), ...report(0x10000, 4096)]
    assert.equal(reasonOf(raw({ command: 16, flags: replyFlag, payload }), client), 'argsz')
  })
})

describe('the bitmap of dirty pages', () => {
  it('has one bit for each page, in words of 64', () => {
    assert.equal(dirtyBitmapBytes(4096n * 64n, 4096n), 8n)
    assert.equal(dirtyBitmapBytes(4096n * 64n + 1n, 4096n), 16n)
  })

  it('has none for nothing', () => {
    assert.equal(dirtyBitmapBytes(0n, 4096n), 0n)
  })
})

describe('MIG_DATA_READ and MIG_DATA_WRITE', () => {
  const data = (command: number, argsz: number, size: number, bytes: readonly number[] = [], flags = 0) =>
    raw({ command, flags, payload: [...packed(u32(argsz), u32(size)), ...bytes] })

  it('are refused beyond what one message may carry', () => {
    assert.equal(reasonOf(data(17, 0xffffffff, terms.maxDataTransfer + 1)), 'count')
    assert.equal(reasonOf(data(18, 0xffffffff, terms.maxDataTransfer + 1)), 'count')
  })

  it('are refused with an argsz below what they carry', () => {
    assert.equal(reasonOf(data(17, 11, 4)), 'argsz')
    assert.equal(reasonOf(data(18, 11, 4, [1, 2, 3, 4])), 'argsz')
  })

  it('are refused with less data than they count', () => {
    assert.equal(reasonOf(data(18, 12, 4, [1, 2, 3])), 'length')
    assert.equal(reasonOf(data(17, 12, 4, [1, 2, 3], replyFlag), client), 'length')
  })

  it('may be answered with a short read in a reply as long as the request wanted', () => {
    const payload = payloadOf(data(17, 10, 2, [1, 2, 0, 0], replyFlag), client)
    assert.deepEqual((payload as { data: Uint8Array }).data, Uint8Array.of(1, 2))
  })
})
