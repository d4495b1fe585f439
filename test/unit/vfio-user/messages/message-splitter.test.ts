import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ArrivedMessage } from '../../../../src/vfio-user/messages/decode-message.js'
import { MessageSplitter } from '../../../../src/vfio-user/messages/message-splitter.js'
import type { Rejection } from '../../../../src/vfio-user/messages/rejection.js'
import { raw, terms } from './wire.js'

const reset = raw({ command: 13 })
const read = raw({ command: 9, payload: new Array(16).fill(1) })

function splitter(): MessageSplitter {
  const made = new MessageSplitter()
  made.setLimits(terms)
  return made
}

function takeAll(from: MessageSplitter): (ArrivedMessage | Rejection)[] {
  const taken: (ArrivedMessage | Rejection)[] = []
  for (let message = from.next(); message !== undefined; message = from.next()) taken.push(message)
  return taken
}

const join = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]))

describe('the splitter', () => {
  it('takes several messages out of one piece', () => {
    const from = splitter()
    from.push({ bytes: join(reset, read, reset) })
    const lengths = takeAll(from).map((message) => 'bytes' in message && message.bytes.byteLength)
    assert.deepEqual(lengths, [16, 32, 16])
  })

  it('waits for the end of a message', () => {
    const from = splitter()
    from.push({ bytes: read.subarray(0, 20) })
    assert.equal(from.next(), undefined)
    from.push({ bytes: read.subarray(20) })
    assert.deepEqual(takeAll(from), [{ bytes: read, fds: [], fdsLost: false }])
  })

  it('copies nothing of a message that comes whole', () => {
    const from = splitter()
    const bytes = join(reset, read)
    from.push({ bytes })
    for (const message of takeAll(from)) assert.equal('bytes' in message && message.bytes.buffer, bytes.buffer)
  })

  it('is an error to push into while messages are left', () => {
    const from = splitter()
    from.push({ bytes: join(reset, reset) })
    from.next()
    assert.throws(() => from.push({ bytes: reset }), /Cannot take more of a vfio-user stream/)
  })

  it('takes a message of the size agreed on, and refuses a longer one', () => {
    const header = (size: number) => raw({ command: 10, size })
    const from = splitter()
    from.push({ bytes: header(terms.maxDataTransfer + 32) })
    assert.equal(from.next(), undefined)
    const refusing = splitter()
    refusing.push({ bytes: header(terms.maxDataTransfer + 33) })
    const outcome = refusing.next()
    assert.ok(outcome !== undefined && 'kind' in outcome)
    assert.deepEqual([outcome.reason, outcome.errno, outcome.answer, outcome.fatal], ['size', 22, true, true])
  })

  it('refuses a message that is shorter than its header', () => {
    const from = splitter()
    from.push({ bytes: raw({ command: 8, size: 15 }) })
    const outcome = from.next()
    assert.equal(outcome !== undefined && 'kind' in outcome && outcome.reason, 'size')
  })

  it('gives nothing more after that', () => {
    const from = splitter()
    from.push({ bytes: join(raw({ command: 8, size: 15 }), reset) })
    assert.equal(takeAll(from).length, 1)
    from.push({ bytes: reset, fds: [9] })
    assert.deepEqual([from.next(), from.broken, from.takeSpareFds()], [undefined, true, [9]])
  })

  it('refuses a long message before anything was agreed on', () => {
    const from = new MessageSplitter()
    from.push({ bytes: raw({ command: 1, size: 16 + 4 + 4097 }) })
    const outcome = from.next()
    assert.equal(outcome !== undefined && 'kind' in outcome && outcome.reason, 'size')
  })

  it('applies new limits to what is left of a piece', () => {
    const from = new MessageSplitter()
    const long = raw({ command: 10, payload: new Array(8000).fill(0) })
    from.push({ bytes: join(raw({ command: 1, payload: [0, 0, 0, 0] }), long) })
    assert.ok(from.next() !== undefined)
    from.setLimits(terms)
    const outcome = from.next()
    assert.equal(outcome !== undefined && 'bytes' in outcome && outcome.bytes.byteLength, long.byteLength)
  })

  it('takes memory for the bytes that came, not for those that were promised', () => {
    const from = splitter()
    from.push({ bytes: raw({ command: 10, size: terms.maxDataTransfer + 32, payload: new Array(100).fill(0) }) })
    assert.equal(from.next(), undefined)
    assert.ok(from.heldBytes <= 4096, `${from.heldBytes} bytes`)
  })

  it('holds nothing once the message was taken', () => {
    const from = splitter()
    from.push({ bytes: read.subarray(0, 20) })
    takeAll(from)
    from.push({ bytes: read.subarray(20) })
    takeAll(from)
    assert.equal(from.heldBytes, 0)
  })
})

describe('descriptors', () => {
  const fdsOf = (messages: readonly (ArrivedMessage | Rejection)[]) =>
    messages.map((message) => 'fds' in message && message.fds)

  it('belong to the last message of their piece, where the kernel ends a read', () => {
    const from = splitter()
    from.push({ bytes: join(reset, read), fds: [5, 6] })
    assert.deepEqual(fdsOf(takeAll(from)), [[], [5, 6]])
  })

  it('belong to the message that the piece begins', () => {
    const from = splitter()
    from.push({ bytes: join(reset, read.subarray(0, 3)), fds: [5] })
    const first = takeAll(from)
    from.push({ bytes: join(read.subarray(3), reset) })
    assert.deepEqual(fdsOf([...first, ...takeAll(from)]), [[], [5], []])
  })

  it('add up over the pieces of one message', () => {
    const from = splitter()
    from.push({ bytes: read.subarray(0, 16), fds: [5] })
    takeAll(from)
    from.push({ bytes: read.subarray(16), fds: [6] })
    assert.deepEqual(fdsOf(takeAll(from)), [[5, 6]])
  })

  it('beyond those agreed on are spare, and the message says that they are lost', () => {
    const from = splitter()
    const fds = Array.from({ length: terms.maxMessageFds + 2 }, (_, index) => index)
    from.push({ bytes: read, fds })
    const [message] = takeAll(from)
    assert.ok(message !== undefined && 'fds' in message)
    assert.deepEqual([message.fds.length, message.fdsLost], [terms.maxMessageFds, true])
    assert.deepEqual(from.takeSpareFds(), fds.slice(terms.maxMessageFds))
  })

  it('that the kernel dropped are lost to their message, and to no other', () => {
    const from = splitter()
    from.push({ bytes: join(reset, read), fdsLost: true })
    const lost = takeAll(from).map((message) => 'fdsLost' in message && message.fdsLost)
    from.push({ bytes: reset })
    const after = takeAll(from).map((message) => 'fdsLost' in message && message.fdsLost)
    assert.deepEqual([...lost, ...after], [false, true, false])
  })

  it('of a message that is refused are spare', () => {
    const from = splitter()
    from.push({ bytes: raw({ command: 8, size: 15 }), fds: [5] })
    takeAll(from)
    assert.deepEqual(from.takeSpareFds(), [5])
  })

  it('of a message that never ends are spare when the connection does', () => {
    const from = splitter()
    from.push({ bytes: read.subarray(0, 20), fds: [5] })
    takeAll(from)
    from.end()
    assert.deepEqual([from.takeSpareFds(), from.heldBytes], [[5], 0])
  })

  it('are spare once', () => {
    const from = splitter()
    from.push({ bytes: read.subarray(0, 20), fds: [5] })
    from.end()
    from.takeSpareFds()
    assert.deepEqual(from.takeSpareFds(), [])
  })
})
