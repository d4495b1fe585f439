import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseCapabilities } from '../../../../src/vfio-user/messages/capabilities.js'
import { decodeMessage } from '../../../../src/vfio-user/messages/decode-message.js'
import { encodeMessage } from '../../../../src/vfio-user/messages/encode-message.js'
import {
  acceptVersion,
  answerVersion,
  type Offer,
  proposeVersion,
  type ServerAgreement,
} from '../../../../src/vfio-user/messages/negotiate.js'
import { Problem } from '../../../../src/vfio-user/messages/problem.js'
import { readRecording } from '../traces/message-bytes.js'
import { packed, raw, reasonOf, receive, u16 } from './wire.js'

const offer: Offer = {
  maxMessageFds: 64,
  maxDataTransfer: 1 << 20,
  maxDmaMaps: 65535,
  pageSizes: 4096n,
  writeMultiple: true,
  migrationPageSize: 4096,
}

/** The VERSION that QEMU 11.1.3 sent. */
const qemu = readRecording('qemu-11.1.3-virtio-rng-msix-memfd')[0]?.bytes ?? new Uint8Array(0)

const beforeVersion = { side: 'server', terms: undefined } as const

const agree = (request: Parameters<typeof answerVersion>[0], ours: Offer = offer): ServerAgreement => {
  const agreement = answerVersion(request, ours)
  if (agreement instanceof Problem) assert.fail(agreement.detail)
  return agreement
}

const version = (minor: number, capabilities?: object) =>
  capabilities === undefined ? { major: 0, minor } : { major: 0, minor, json: JSON.stringify({ capabilities }) }

describe('VERSION on the wire', () => {
  const json = (text: string) => [...Buffer.from(text)]

  it('may come without JSON, as SPDK sends it', () => {
    const outcome = receive(raw({ command: 1, payload: packed(u16(0), u16(1)) }), beforeVersion)
    assert.deepEqual(outcome.kind === 'request' && outcome.payload, { major: 0, minor: 1 })
  })

  it('is refused without its numbers', () => {
    assert.equal(reasonOf(raw({ command: 1 }), beforeVersion), 'length')
  })

  it('is refused if its JSON does not end in NUL', () => {
    assert.equal(reasonOf(raw({ command: 1, payload: [0, 0, 0, 0, ...json('{}')] }), beforeVersion), 'capabilities')
  })

  it('is refused if its JSON is not UTF-8', () => {
    assert.equal(reasonOf(raw({ command: 1, payload: [0, 0, 0, 0, 0xff, 0] }), beforeVersion), 'capabilities')
  })

  it('is refused with more JSON than anybody has to say', () => {
    const payload = [0, 0, 0, 0, ...json(' '.repeat(4096)), 0]
    assert.equal(reasonOf(raw({ command: 1, payload }), beforeVersion), 'length')
  })

  it('is refused with a descriptor', () => {
    assert.equal(reasonOf(raw({ command: 1, payload: [0, 0, 0, 0] }), beforeVersion, 1), 'fds')
  })

  it('ends its JSON at the first NUL', () => {
    const outcome = receive(raw({ command: 1, payload: [0, 0, 0, 0, ...json('{}\0x'), 0] }), beforeVersion)
    assert.deepEqual(outcome.kind === 'request' && outcome.payload, { major: 0, minor: 0, json: '{}' })
  })
})

describe('the answer to VERSION', () => {
  it('is refused to another major version', () => {
    const problem = answerVersion({ major: 1, minor: 0 }, offer)
    assert.equal(problem instanceof Problem && problem.reason, 'version')
  })

  for (const [asked, answered] of [
    [0, 0],
    [1, 1],
    [2, 2],
    [9, 2],
  ] as const) {
    it(`is minor ${answered} to minor ${asked}`, () => {
      assert.equal(agree(version(asked)).reply.minor, answered)
    })
  }

  it('is no longer than the request of QEMU', () => {
    const request = decodeMessage({ bytes: qemu, fds: [], fdsLost: false }, beforeVersion)
    assert.ok(request.kind === 'request' && request.command === 'VERSION')
    const reply = agree(request.payload).reply
    const bytes = encodeMessage({ kind: 'reply', id: request.id, command: 'VERSION', fds: 0, payload: reply })
    assert.equal(qemu.byteLength, 214)
    assert.ok(bytes.byteLength <= 214, `${bytes.byteLength} bytes`)
  })

  it('leaves out what goes without saying where the request is short', () => {
    const { reply } = agree(version(0, { max_msg_fds: 1, max_data_xfer_size: 1048576, migration: { pgsize: 4096 } }))
    assert.equal(reply.json, '{"capabilities":{"max_msg_fds":16,"migration":{"pgsize":4096}}}')
  })

  it('never leaves out a limit below the default', () => {
    const { reply } = agree(version(0, {}), { ...offer, maxDataTransfer: 4096, maxDmaMaps: 7 })
    const said = parseCapabilities(reply.json)
    assert.deepEqual(said, { maxMessageFds: 16, maxDataTransfer: 4096, maxDmaMaps: 7 })
  })

  it('takes at most 16 descriptors a message, or QEMU refuses it', () => {
    assert.equal(agree(version(0)).terms.maxMessageFds, 16)
  })

  it('sends as many descriptors as the client takes', () => {
    assert.equal(agree(version(0, { max_msg_fds: 3 })).terms.peerMaxMessageFds, 3)
    assert.equal(agree(version(0)).terms.peerMaxMessageFds, 1)
  })

  it('has the smaller of two limits', () => {
    const { terms } = agree(version(0, { max_data_xfer_size: 8192, max_dma_maps: 100 }))
    assert.deepEqual([terms.maxDataTransfer, terms.maxDmaMaps], [8192, 100])
  })

  it('has the page sizes of both sides', () => {
    assert.equal(agree(version(0, { pgsizes: 0x3000 })).terms.pageSizes, 4096n)
  })

  it('is refused without a page size in common', () => {
    assert.ok(answerVersion(version(0, { pgsizes: 0x2000 }), offer) instanceof Problem)
  })

  it('has write_multiple only if the client has it', () => {
    assert.equal(agree(version(0, { write_multiple: true })).terms.writeMultiple, true)
    assert.equal(agree(version(0, {})).terms.writeMultiple, false)
  })

  it('has migration only if both sides have it', () => {
    assert.deepEqual(agree(version(0, { migration: {} })).terms.migration, { pageSize: 4096 })
    assert.equal(agree(version(0, {})).terms.migration, undefined)
    const { migrationPageSize: _, ...cannot } = offer
    assert.equal(agree(version(0, { migration: {} }), cannot).terms.migration, undefined)
  })
})

describe('a client and a server', () => {
  it('come to the same terms', () => {
    const clientOffer = { ...offer, maxMessageFds: 8, maxDataTransfer: 65536, writeMultiple: false }
    const { reply, terms } = agree(proposeVersion(clientOffer))
    const concluded = acceptVersion(reply, clientOffer)
    assert.deepEqual(concluded, { ...terms, maxMessageFds: 8, peerMaxMessageFds: 16 })
  })

  it('do not if the server answers a newer version than was proposed', () => {
    assert.ok(acceptVersion({ major: 0, minor: 3 }, offer) instanceof Problem)
    assert.ok(acceptVersion({ major: 1, minor: 0 }, offer) instanceof Problem)
  })
})
