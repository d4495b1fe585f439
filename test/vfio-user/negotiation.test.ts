import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { raw } from '../unit/vfio-user/messages/wire.js'
import { RecordingDevice } from './recording-device.js'
import { ask, errnoOf, meet, versionPayload } from './wire-client.js'

const { EINVAL } = errnoOf

/** What is refused, and ends the connection. */
const refused: Readonly<Record<string, { readonly command: number; readonly payload: readonly number[] }>> = {
  'a VERSION of no bytes': { command: 1, payload: [] },
  'a VERSION of two bytes': { command: 1, payload: [0, 0] },
  'another command first': ask.deviceInfo(),
  'a reset first': { command: 13, payload: [] },
  'a command that there is not': { command: 999, payload: [] },
  'another major version': { command: 1, payload: versionPayload('{}', 0x4d2) },
  'JSON without NUL': { command: 1, payload: [0, 0, 0, 0, ...Buffer.from('{}')] },
  'JSON that is not closed': { command: 1, payload: versionPayload('{') },
  'JSON with an open quote': { command: 1, payload: versionPayload('{"') },
  'an array': { command: 1, payload: versionPayload('[]') },
  'capabilities that are no object': { command: 1, payload: versionPayload('{"capabilities": "23"}') },
  'max_msg_fds that is text': { command: 1, payload: versionPayload('{"capabilities": {"max_msg_fds": "foo"}}') },
  'max_msg_fds below 0': { command: 1, payload: versionPayload('{"capabilities": {"max_msg_fds": -1}}') },
  'max_msg_fds beyond all bounds': {
    command: 1,
    payload: versionPayload('{"capabilities": {"max_msg_fds": 4294967296}}'),
  },
  'migration that is no object': { command: 1, payload: versionPayload('{"capabilities": {"migration": "23"}}') },
  'a page size that is text': {
    command: 1,
    payload: versionPayload('{"capabilities": {"migration": {"pgsize": "x"}}}'),
  },
  'a page size that is no power of two': {
    command: 1,
    payload: versionPayload('{"capabilities": {"migration": {"pgsize": 4095}}}'),
  },
  'a transfer size of 0': { command: 1, payload: versionPayload('{"capabilities": {"max_data_xfer_size": 0}}') },
  'no page size in common': { command: 1, payload: versionPayload('{"capabilities": {"pgsizes": 65536}}') },
}

describe('negotiation', () => {
  for (const [name, message] of Object.entries(refused)) {
    it(`${name} is refused with EINVAL, and the connection ends`, async () => {
      await using talk = meet(new RecordingDevice())
      assert.equal(await talk.client.errno(message), EINVAL)
      assert.equal(await talk.client.receive(), undefined)
    })
  }

  it('a VERSION longer than any can be is refused before it has arrived', async () => {
    await using talk = meet(new RecordingDevice())
    talk.client.send(raw({ command: 1, size: 1 << 20, payload: versionPayload('{}') }))
    assert.equal((await talk.client.receive())?.errno, EINVAL)
    assert.equal(await talk.client.receive(), undefined)
  })

  it('a message that is shorter than its header ends the connection', async () => {
    await using talk = meet(new RecordingDevice())
    talk.client.send(raw({ command: 1, size: 8 }))
    assert.equal((await talk.client.receive())?.errno, EINVAL)
    assert.equal(await talk.client.receive(), undefined)
  })

  for (const [name, payload] of Object.entries({
    'no JSON at all': versionPayload(undefined),
    'an empty object': versionPayload('{}'),
    'no capabilities': versionPayload('{"capabilities": {}}'),
    'capabilities that nobody knows': versionPayload('{"capabilities": {"constructor": 1, "new": [1]}}'),
    'a later minor version': versionPayload('{}', 0, 999),
  })) {
    it(`${name} is agreed to, with capabilities in the answer`, async () => {
      await using talk = meet(new RecordingDevice())
      const view = await talk.client.payload({ command: 1, payload })
      assert.equal(view.getUint16(0, true), 0)
      assert.ok(view.getUint16(2, true) <= 2)
      const json = Buffer.from(view.buffer, view.byteOffset + 4, view.byteLength - 5).toString()
      assert.equal(typeof JSON.parse(json).capabilities, 'object')
    })
  }

  it('the answer to QEMU is no longer than its request', async () => {
    const offered =
      '{"capabilities": {"pgsizes": 4096, "max_msg_fds": 16, "max_dma_maps": 65535, "max_data_xfer_size": 1048576, ' +
      '"migration": {"max_bitmap_size": 268435456, "pgsize": 4096}, "write_multiple": true}}'
    const device = new RecordingDevice()
    device.migration = { stop: () => {}, run: () => {}, save: () => new Uint8Array(0), load: () => {} }
    await using talk = meet(device)
    const reply = await talk.client.ask({ command: 1, payload: versionPayload(offered) })
    assert.equal(reply.errno, 0)
    assert.ok(16 + reply.payload.byteLength <= 20 + offered.length + 1)
  })

  it('a second VERSION is refused, and the connection goes on', async () => {
    await using talk = meet(new RecordingDevice())
    await talk.client.payload({ command: 1, payload: versionPayload('{}') })
    assert.equal(await talk.client.errno({ command: 1, payload: versionPayload('{}') }), EINVAL)
    assert.equal(await talk.client.errno(ask.deviceInfo()), 0)
  })
})
