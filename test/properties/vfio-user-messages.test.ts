// The codec over random and spoiled messages: what is encoded decodes to itself, and nothing that arrives can make it throw,
// read outside the message, or hold more than arrived.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { commands } from '../../src/vfio-user/messages/commands.js'
import { decodeMessage, type Receiver } from '../../src/vfio-user/messages/decode-message.js'
import { encodeMessage, encodeRejection, messageSize } from '../../src/vfio-user/messages/encode-message.js'
import type { Message } from '../../src/vfio-user/messages/message.js'
import { answerVersion } from '../../src/vfio-user/messages/negotiate.js'
import { message, mutate, randomNumbers, terms } from './vfio-user-arbitraries.js'

const runs = Number(process.env['QUIESCE_PROPERTY_RUNS'] ?? 10_000)
const seed = Number(process.env['QUIESCE_PROPERTY_SEED'] ?? Date.now() % 2 ** 31)

const mutants = 60

const other = { client: 'server', server: 'client' } as const

function receiverOf(made: Message): Receiver {
  const { sender } = commands[made.command]
  return {
    side: made.kind === 'request' ? other[sender] : sender,
    terms: made.command === 'VERSION' ? undefined : terms,
  }
}

const descriptors = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** Decodes with foreign bytes all around, of which nothing may show. */
function decodeAmong(surroundings: number, bytes: Uint8Array, fds: number, receiver: Receiver) {
  const memory = new Uint8Array(bytes.byteLength + 64).fill(surroundings)
  memory.set(bytes, 32)
  const arrived = { bytes: memory.subarray(32, 32 + bytes.byteLength), fds: descriptors(fds), fdsLost: false }
  return decodeMessage(arrived, receiver)
}

function assertHarmless(bytes: Uint8Array, fds: number, receiver: Receiver): void {
  const outcome = decodeAmong(0x00, bytes, fds, receiver)
  assert.deepEqual(decodeAmong(0xff, bytes, fds, receiver), outcome)
  if (outcome.kind === 'rejected') {
    assert.equal(outcome.errno, 22)
    const reply = encodeRejection(outcome)
    assert.equal(reply?.byteLength, outcome.answer ? 16 : undefined)
    return
  }
  // What was understood is no more than what arrived, and can be said again in the same words.
  assert.ok(messageSize(outcome) <= bytes.byteLength)
  const again = encodeMessage(outcome)
  assert.deepEqual(decodeMessage({ bytes: again, fds: descriptors(fds), fdsLost: false }, receiver), outcome)
}

describe('the vfio-user codec', () => {
  it('decodes what it encoded to the same', () => {
    const property = fc.property(message, (made) => {
      const fds = made.kind === 'error' ? 0 : made.fds
      const bytes = encodeMessage(made)
      assert.equal(bytes.byteLength, messageSize(made))
      assert.deepEqual(decodeMessage({ bytes, fds: descriptors(fds), fdsLost: false }, receiverOf(made)), made)
    })
    fc.assert(property, { numRuns: runs, seed })
  })

  it(`survives ${(Math.ceil(runs / 5) * mutants).toLocaleString('en')} spoiled messages`, () => {
    const property = fc.property(message, fc.nat(0xffffffff), fc.nat(20), (made, start, fds) => {
      const random = randomNumbers(start)
      const bytes = encodeMessage(made)
      for (let count = 0; count < mutants; count++) assertHarmless(mutate(bytes, random), fds, receiverOf(made))
    })
    fc.assert(property, { numRuns: Math.ceil(runs / 5), seed })
  })

  it('survives bytes that were never a message', () => {
    const receiver = fc.record({
      side: fc.constantFrom('client' as const, 'server' as const),
      terms: fc.constantFrom(undefined, terms),
    })
    const property = fc.property(fc.uint8Array({ maxLength: 128 }), receiver, fc.nat(20), (bytes, by, fds) => {
      assertHarmless(bytes, fds, by)
      // With a header that is in order, so that the payload is looked at.
      if (bytes.byteLength < 16) return
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      view.setUint16(2, 1 + ((bytes[2] ?? 0) % 18), true)
      view.setUint32(4, bytes.byteLength, true)
      view.setUint32(8, (bytes[8] ?? 0) & 1, true)
      assertHarmless(bytes, fds, by)
    })
    fc.assert(property, { numRuns: runs, seed })
  })
})

describe('the answer to VERSION', () => {
  const most = Number.MAX_SAFE_INTEGER
  const offer = fc.record({
    maxMessageFds: fc.nat(1024),
    maxDataTransfer: fc.integer({ min: 1, max: most }),
    maxDmaMaps: fc.integer({ min: 1, max: most }),
    pageSizes: fc.bigInt({ min: 1n, max: BigInt(most) }),
    writeMultiple: fc.boolean(),
    migrationPageSize: fc.integer({ min: 0, max: 40 }).map((bits) => 2 ** bits),
  })
  const asked = fc.record({
    max_msg_fds: fc.nat(1024),
    max_data_xfer_size: fc.integer({ min: 1, max: most }),
    max_dma_maps: fc.integer({ min: 1, max: most }),
    pgsizes: fc.integer({ min: 1, max: most }),
    migration: fc.record({ pgsize: fc.integer({ min: 0, max: 40 }).map((bits) => 2 ** bits) }),
    write_multiple: fc.boolean(),
  })

  it('always fits into the 214 bytes that QEMU has for it', () => {
    const property = fc.property(offer, fc.option(asked, { nil: undefined }), (ours, capabilities) => {
      const json = capabilities === undefined ? {} : { json: JSON.stringify({ capabilities }) }
      const agreement = answerVersion({ major: 0, minor: 0, ...json }, ours)
      if ('reason' in agreement) return
      const payload = agreement.reply
      assert.ok(messageSize({ kind: 'reply', id: 0, command: 'VERSION', fds: 0, payload }) <= 214, payload.json)
      assert.ok(agreement.terms.maxMessageFds <= 16)
    })
    fc.assert(property, { numRuns: runs, seed })
  })
})
