// QEMU's half of the recorded conversations, said to our server: it must answer each request as the recorded server did,
// in kind, in order and in length.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { interruptKinds } from '../../src/function/interrupts.js'
import { EventFd } from '../../src/linux/eventfd.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { type RecordedMessage, readRecording, recordings } from '../unit/vfio-user/traces/message-bytes.js'
import { memoryRegion, RecordingDevice } from './recording-device.js'
import { meet, type Talk } from './wire-client.js'

const errorFlag = 0x20
const mebibyte = 1n << 20n

const field = (message: RecordedMessage, name: string): number => Number(message.fields.get(name) ?? 0)

/** A device of the shape that the recorded server described. */
function deviceOf(messages: readonly RecordedMessage[], file: SharedMemory): RecordingDevice {
  const answers = messages.filter(({ isReply, sender }) => isReply && sender === 'S')
  const regions = answers
    .filter(({ command }) => command === 'DEVICE_GET_REGION_INFO')
    .map((answer) => {
      const size = field(answer, 'size')
      const mapped = { mappable: [{ offset: 0n, size: BigInt(size) }], file: { fd: file.fd, offset: 0n } }
      return [field(answer, 'index'), memoryRegion(size, answer.fds > 0 ? mapped : {})] as const
    })
  const device = new RecordingDevice(Object.fromEntries(regions))
  for (const answer of answers.filter(({ command }) => command === 'DEVICE_GET_IRQ_INFO')) {
    const kind = interruptKinds[field(answer, 'index')]
    if (kind === undefined) continue
    device.vectors[kind] = { count: field(answer, 'count'), maskable: false, automasked: false, fixedSize: true }
  }
  return device
}

/** Says what the client said, one message after the other, and checks each answer as it comes. */
async function replay(talk: Talk, messages: readonly RecordedMessage[], memory: SharedMemory, eventfd: EventFd) {
  const waiting: RecordedMessage[] = []
  let compared = 0
  for (const message of messages) {
    if (message.sender === 'C' && !message.isReply) {
      const fd = message.command === 'DMA_MAP' ? memory.fd : eventfd.fd
      talk.client.send(
        message.bytes,
        Array.from({ length: message.fds }, () => fd),
      )
      if (!message.noReply) waiting.push(message)
    } else if (message.sender === 'S' && message.isReply) {
      const reply = await talk.client.receive()
      const asked = waiting.shift()
      assert.ok(reply !== undefined, `the server closed the connection at: ${message.line}`)
      assert.equal(reply.id, asked?.id, message.line)
      assert.equal(reply.flags & errorFlag, 0, `errno ${reply.errno}: ${message.line}`)
      assert.equal(reply.fds.length, message.fds, message.line)
      // VERSION says what each server can do; everything else is of the same length.
      if (message.command !== 'VERSION') assert.equal(16 + reply.payload.byteLength, message.size, message.line)
      compared++
    }
  }
  return compared
}

describe('the recorded conversations with QEMU 11.1.3, said to this server', () => {
  for (const name of recordings) {
    it(name, async () => {
      const messages = readRecording(name)
      using memory = new SharedMemory(256n * mebibyte)
      using eventfd = new EventFd()
      const device = deviceOf(messages, memory)
      await using talk = meet(device)
      const compared = await replay(talk, messages, memory, eventfd)
      assert.ok(compared > 60)
      assert.deepEqual(
        talk.events.filter(({ kind }) => kind === 'refused'),
        [],
      )
      assert.ok(device.log.includes('reset'))
    })
  }
})
