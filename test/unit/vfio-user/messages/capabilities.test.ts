import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatCapabilities, parseCapabilities } from '../../../../src/vfio-user/messages/capabilities.js'
import { Problem } from '../../../../src/vfio-user/messages/problem.js'

const parse = (capabilities: unknown) => parseCapabilities(JSON.stringify({ capabilities }))

describe('the capabilities of VERSION', () => {
  it('are none where there is no JSON', () => {
    assert.deepEqual(parseCapabilities(undefined), {})
  })

  it('are none where the JSON does not mention them', () => {
    assert.deepEqual(parseCapabilities('{}'), {})
  })

  it('are read by name', () => {
    const json = {
      pgsizes: 4096,
      max_msg_fds: 16,
      max_dma_maps: 65535,
      max_data_xfer_size: 1048576,
      migration: { max_bitmap_size: 268435456, pgsize: 4096 },
      twin_socket: { supported: true, fd_index: 0 },
      write_multiple: true,
    }
    assert.deepEqual(parse(json), {
      maxMessageFds: 16,
      maxDataTransfer: 1048576,
      maxDmaMaps: 65535,
      pageSizes: 4096n,
      migration: { pageSize: 4096, maxBitmapSize: 268435456 },
      twinSocket: { supported: true, fdIndex: 0 },
      writeMultiple: true,
    })
  })

  it('may hold what is not known here', () => {
    assert.deepEqual(parse({ later: { much: 1 }, max_msg_fds: 1 }), { maxMessageFds: 1 })
  })

  it('are not what every object inherits', () => {
    assert.deepEqual(parseCapabilities('{"__proto__": {"capabilities": {"max_msg_fds": 8}}}'), {})
  })

  const refused: readonly (readonly [string, string])[] = [
    ['an empty text', ''],
    ['JSON that is not closed', '{'],
    ['JSON whose quote is not closed', '"'],
    ['a number', '23'],
    ['null', 'null'],
    ['a list', '[]'],
    ['capabilities that are a string', '{"capabilities": "23"}'],
    ['capabilities that are null', '{"capabilities": null}'],
    ['capabilities that are a list', '{"capabilities": []}'],
    ['max_msg_fds that is a string', '{"capabilities": {"max_msg_fds": "foo"}}'],
    ['max_msg_fds below 0', '{"capabilities": {"max_msg_fds": -1}}'],
    ['max_msg_fds above 1024', '{"capabilities": {"max_msg_fds": 1025}}'],
    ['max_msg_fds that is no whole number', '{"capabilities": {"max_msg_fds": 1.5}}'],
    ['max_data_xfer_size of 0', '{"capabilities": {"max_data_xfer_size": 0}}'],
    ['max_data_xfer_size beyond what a number holds', '{"capabilities": {"max_data_xfer_size": 1e300}}'],
    ['max_dma_maps of null', '{"capabilities": {"max_dma_maps": null}}'],
    ['pgsizes of 0', '{"capabilities": {"pgsizes": 0}}'],
    ['migration that is a string', '{"capabilities": {"migration": "23"}}'],
    ['a migration page size that is a string', '{"capabilities": {"migration": {"pgsize": "foo"}}}'],
    ['a migration page size that is no power of two', '{"capabilities": {"migration": {"pgsize": 4095}}}'],
    ['twin_socket that is a boolean', '{"capabilities": {"twin_socket": true}}'],
    ['twin_socket whose support is a number', '{"capabilities": {"twin_socket": {"supported": 1}}}'],
    ['write_multiple that is a number', '{"capabilities": {"write_multiple": 1}}'],
  ]
  for (const [what, json] of refused) {
    it(`are refused with ${what}`, () => {
      const problem = parseCapabilities(json)
      assert.ok(problem instanceof Problem)
      assert.equal(problem.reason, 'capabilities')
      assert.equal(problem.errno, 22)
    })
  }

  it('are refused if they are nested too deep to be meant, without harm', () => {
    assert.ok(parseCapabilities('['.repeat(4000)) instanceof Problem)
  })

  it('are written so that they read the same', () => {
    const capabilities = { maxMessageFds: 8, pageSizes: 0x201000n, migration: { pageSize: 4096 }, writeMultiple: false }
    assert.deepEqual(parseCapabilities(formatCapabilities(capabilities)), capabilities)
  })

  it('are there when empty, as rust-vmm requires', () => {
    assert.equal(formatCapabilities({}), '{"capabilities":{}}')
  })
})
