import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeMessage } from '../../../../src/vfio-user/messages/decode-message.js'
import { decodeQuickly, encodeQuickly } from '../../../../src/vfio-user/messages/quick-access.js'
import { client, packed, type Raw, raw, replyFlag, server, terms, u32, u64 } from './wire.js'

const read = 9
const write = 10
/** Undefined in the header's flags, and ignored: the message then goes by the tables, and means the same. */
const ignored = 0x100

const access = (offset: bigint, region: number, count: number, data: readonly number[] = []) => [
  ...packed(u64(offset), u32(region), u32(count)),
  ...data,
]
const arrived = (message: Raw) => ({ bytes: raw(message), fds: [], fdsLost: false })
const quickly = (message: Raw) => decodeQuickly(arrived(message), server)

describe('an ordinary access', () => {
  it('is taken without the tables', () => {
    const payload = { offset: 0x3dn, region: 7, count: 2 }
    const common = { kind: 'request', id: 7, noReply: false, fds: 0 }
    assert.deepEqual(quickly({ command: read, payload: access(0x3dn, 7, 2) }), {
      ...common,
      command: 'REGION_READ',
      payload,
    })
    assert.deepEqual(quickly({ command: write, payload: access(0x3dn, 7, 2, [1, 2]) }), {
      ...common,
      command: 'REGION_WRITE',
      payload: { ...payload, data: Uint8Array.of(1, 2) },
    })
  })

  it('is what the tables make of it, or is left to them', () => {
    const message = fc.record({
      id: fc.integer({ min: 0, max: 0xffff }),
      command: fc.constantFrom(read, write, 8, 11),
      flags: fc.constantFrom(0, 1, 0x10, 0x20),
      errno: fc.constantFrom(0, 5),
      offset: fc
        .constantFrom(0n, 0x1000n, (1n << 53n) + 1n, (1n << 64n) - 1n, (1n << 64n) - 0x1_0000_0000n)
        .chain((base) => fc.bigInt({ min: base, max: (1n << 64n) - 1n })),
      region: fc.integer({ min: 0, max: 0xffff_ffff }),
      count: fc.constantFrom(0, 1, 4, 8, terms.maxDataTransfer, terms.maxDataTransfer + 1, 0xffff_ffff),
      data: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 9 }),
    })
    fc.assert(
      fc.property(message, ({ offset, region, count, data, flags, ...rest }) => {
        const payload = access(offset, region, count, data)
        const quick = decodeQuickly(arrived({ ...rest, flags, payload }), server)
        if (quick === undefined) return
        assert.deepEqual(quick, decodeMessage(arrived({ ...rest, flags: flags | ignored, payload }), server))
      }),
      { numRuns: 2000 },
    )
  })

  it('is left to the tables before VERSION, with descriptors, and on the side of the client', () => {
    const message = arrived({ command: read, payload: access(0n, 0, 4) })
    assert.notEqual(decodeQuickly(message, server), undefined)
    assert.equal(decodeQuickly(message, { side: 'server', terms: undefined }), undefined)
    assert.equal(decodeQuickly({ ...message, fds: [3] }, server), undefined)
    assert.equal(decodeQuickly({ ...message, fdsLost: true }, server), undefined)
    assert.equal(decodeQuickly(message, client), undefined)
  })
})

describe('the answer to an ordinary access', () => {
  const into = () => new Uint8Array(64).fill(0xee)

  it('is encoded without the tables', () => {
    const data = Uint8Array.of(1, 2, 3)
    const reading = into()
    const common = { kind: 'reply', id: 9, fds: 0 } as const
    const payload = { offset: 0x40n, region: 1, count: 3 }
    assert.ok(encodeQuickly({ ...common, command: 'REGION_READ', payload: { ...payload, data } }, reading))
    const expected = raw({ id: 9, command: read, flags: replyFlag, payload: access(0x40n, 1, 3, [...data]) })
    assert.deepEqual(reading.subarray(0, expected.length), expected)
    const writing = into()
    assert.ok(encodeQuickly({ ...common, command: 'REGION_WRITE', payload }, writing))
    const answer = raw({ id: 9, command: write, flags: replyFlag, payload: access(0x40n, 1, 3) })
    assert.deepEqual(writing.subarray(0, answer.length), answer)
  })

  it('is left to the tables, untouched, if it contradicts itself', () => {
    const bytes = into()
    const payload = { offset: 0n, region: 1, count: 4, data: Uint8Array.of(1) }
    for (const wrong of [payload, { ...payload, count: 1, offset: -1n }, { ...payload, count: 1, region: 1.5 }]) {
      assert.equal(
        encodeQuickly({ kind: 'reply', id: 1, command: 'REGION_READ', fds: 0, payload: wrong }, bytes),
        false,
      )
    }
    assert.deepEqual(bytes, into())
  })
})
