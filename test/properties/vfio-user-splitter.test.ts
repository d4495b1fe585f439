// The splitter over random streams and random cuts: the same messages come out, each with its descriptors, and what is held
// is bounded by what arrived.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { encodeMessage } from '../../src/vfio-user/messages/encode-message.js'
import { maxMessageSize } from '../../src/vfio-user/messages/limits.js'
import { MessageSplitter, type Piece } from '../../src/vfio-user/messages/message-splitter.js'
import { message, terms } from './vfio-user-arbitraries.js'

const runs = Math.ceil(Number(process.env['QUIESCE_PROPERTY_RUNS'] ?? 10_000) / 5)
const seed = Number(process.env['QUIESCE_PROPERTY_SEED'] ?? Date.now() % 2 ** 31)

interface Sent {
  readonly bytes: Uint8Array
  readonly fds: readonly number[]
}

const sent: fc.Arbitrary<readonly Sent[]> = fc
  .array(fc.tuple(message, fc.nat(4)), { minLength: 1, maxLength: 8 })
  .map((messages) =>
    messages.map(([made, count], index) => ({
      bytes: encodeMessage(made),
      fds: Array.from({ length: count }, (_, fd) => 100 * index + fd),
    })),
  )

/** Cuts the stream as the kernel may: anywhere, but a read ends after the data that descriptors came with. */
function cut(messages: readonly Sent[], lengths: readonly number[]): Piece[] {
  const pieces: Piece[] = []
  let waiting: number[] = []
  let turn = 0
  const flush = (fds: readonly number[]) => {
    if (waiting.length > 0) pieces.push({ bytes: Uint8Array.from(waiting), fds })
    waiting = []
  }
  for (const { bytes, fds } of messages) {
    let pending = fds
    let room = lengths[turn++ % lengths.length] ?? 1
    for (const byte of bytes) {
      waiting.push(byte)
      if (--room > 0) continue
      flush(pending)
      pending = []
      room = lengths[turn++ % lengths.length] ?? 1
    }
    if (pending.length > 0) flush(pending)
  }
  flush([])
  return pieces
}

function assertBounded(splitter: MessageSplitter, arrived: number): void {
  assert.ok(splitter.heldBytes <= Math.max(4096, 2 * arrived), `${splitter.heldBytes} held of ${arrived}`)
  assert.ok(splitter.heldBytes <= maxMessageSize(terms))
}

describe('the splitter', () => {
  it('gives the same messages with the same descriptors however the stream is cut', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 })
    const property = fc.property(sent, lengths, (messages, sizes) => {
      const splitter = new MessageSplitter()
      splitter.setLimits(terms)
      const received: Sent[] = []
      let arrived = 0
      for (const piece of cut(messages, sizes)) {
        arrived += piece.bytes.byteLength
        splitter.push(piece)
        for (let next = splitter.next(); next !== undefined; next = splitter.next()) {
          assert.ok('bytes' in next && !next.fdsLost)
          received.push({ bytes: Uint8Array.from(next.bytes), fds: next.fds })
        }
        assertBounded(splitter, arrived)
      }
      assert.deepEqual(received, messages)
      assert.equal(splitter.heldBytes, 0)
    })
    fc.assert(property, { numRuns: runs, seed })
  })

  it('gives every descriptor back once, whatever arrives', () => {
    const piece = fc.record({ bytes: fc.uint8Array({ maxLength: 60 }), count: fc.nat(20) })
    const property = fc.property(fc.array(piece, { maxLength: 20 }), fc.boolean(), (pieces, tame) => {
      const splitter = new MessageSplitter()
      splitter.setLimits(terms)
      const out: number[] = []
      let fd = 0
      let arrived = 0
      for (const { bytes, count } of pieces) {
        // Small sizes, so that random bytes are messages now and then.
        if (tame && bytes.byteLength >= 8) bytes.set([16 + ((bytes[4] ?? 0) % 48), 0, 0, 0], 4)
        arrived += bytes.byteLength
        splitter.push({ bytes, fds: Array.from({ length: count }, () => fd++) })
        for (let next = splitter.next(); next !== undefined; next = splitter.next()) {
          if ('bytes' in next) out.push(...next.fds)
        }
        assertBounded(splitter, arrived)
      }
      splitter.end()
      out.push(...splitter.takeSpareFds())
      assert.deepEqual(
        out.sort((a, b) => a - b),
        Array.from({ length: fd }, (_, index) => index),
      )
    })
    fc.assert(property, { numRuns: runs, seed })
  })
})
