import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeMessage, type Receiver } from '../../../../src/vfio-user/messages/decode-message.js'
import { encodeMessage } from '../../../../src/vfio-user/messages/encode-message.js'
import { matchReply } from '../../../../src/vfio-user/messages/match-reply.js'
import type { Message, Request } from '../../../../src/vfio-user/messages/message.js'
import { MessageSplitter } from '../../../../src/vfio-user/messages/message-splitter.js'
import { type RecordedMessage, readRecording, recordings } from '../traces/message-bytes.js'
import { terms } from './wire.js'

/** The two peers of the recordings agreed on 1 MiB. */
const agreed = { ...terms, maxDataTransfer: 1 << 20 }

/** How the recording names fields that are named otherwise here. */
const ourNames: ReadonlyMap<string, string> = new Map([
  ['iova', 'address'],
  ['nregions', 'num_regions'],
  ['nirqs', 'num_irqs'],
  ['cap_off', 'cap_offset'],
  ['off', 'offset'],
])

function receiverOf({ sender, command }: RecordedMessage): Receiver {
  return { side: sender === 'C' ? 'server' : 'client', terms: command === 'VERSION' ? undefined : agreed }
}

function decode(recorded: RecordedMessage): Message {
  const fds = Array.from({ length: recorded.fds }, (_, index) => index)
  const message = decodeMessage({ bytes: recorded.bytes, fds, fdsLost: false }, receiverOf(recorded))
  if (message.kind === 'rejected') assert.fail(`${recorded.line}: ${message.reason}: ${message.detail}`)
  return message
}

const hex = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString('hex')

function assertFields(message: Message, { fields, line }: RecordedMessage): void {
  assert.ok(message.kind !== 'error')
  const payload = message.payload as Readonly<Record<string, number | bigint | string | Uint8Array>>
  for (const [name, text] of fields) {
    if (name === 'fds') assert.equal(message.fds, Number(text), line)
    else if (name === 'json') assert.equal(payload['json'], text, line)
    else if (name === 'data') assert.ok(hex(payload['data']).startsWith(text), line)
    else if (name !== 'raw') assert.equal(BigInt(payload[ourNames.get(name) ?? name] as number), BigInt(text), line)
  }
}

/** Pairs every reply with its request, as a peer does that has sent one after the other. */
function pair(messages: readonly RecordedMessage[]): {
  readonly pairs: number
  readonly unanswered: readonly Request[]
} {
  const waiting = new Map<string, Request>()
  let pairs = 0
  for (const recorded of messages) {
    const message = decode(recorded)
    if (message.kind === 'request') {
      if (!message.noReply) waiting.set(`${recorded.sender}${message.id}`, message)
      continue
    }
    const key = `${recorded.sender === 'C' ? 'S' : 'C'}${message.id}`
    const request = waiting.get(key)
    assert.ok(request !== undefined, `a reply to nothing: ${recorded.line}`)
    assert.equal(matchReply(request, message), undefined, recorded.line)
    waiting.delete(key)
    pairs++
  }
  return { pairs, unanswered: [...waiting.values()] }
}

describe('the recorded conversations with QEMU 11.1.3', () => {
  for (const name of recordings) {
    describe(name, () => {
      const messages = readRecording(name)

      it('decodes, every message, to the fields that were recorded', () => {
        assert.ok(messages.length > 100)
        for (const recorded of messages) assertFields(decode(recorded), recorded)
      })

      it('encodes again to the same bytes', () => {
        for (const recorded of messages)
          assert.deepEqual(encodeMessage(decode(recorded)), recorded.bytes, recorded.line)
      })

      it('pairs every reply with its request', () => {
        const { pairs, unanswered } = pair(messages)
        assert.equal(pairs, messages.filter(({ isReply }) => isReply).length)
        assert.ok(unanswered.length <= 1, 'only the last request may have none, where the recording ends')
      })

      it('is cut into its messages from one long stream', () => {
        const splitter = new MessageSplitter()
        splitter.setLimits(agreed)
        const sent = messages.filter(({ sender }) => sender === 'C').map(({ bytes }) => bytes)
        splitter.push({ bytes: Buffer.concat(sent) })
        for (const bytes of sent) {
          const message = splitter.next()
          assert.ok(message !== undefined && 'bytes' in message)
          assert.equal(hex(message.bytes), hex(bytes))
        }
        assert.equal(splitter.next(), undefined)
      })
    })
  }
})
