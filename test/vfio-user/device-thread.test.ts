import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { describe, it } from 'node:test'
import { openVfioUserFunction } from '../../src/vfio-user/client/vfio-user-function.js'
import { DeviceThread } from '../../src/vfio-user/server/device-thread.js'
import { SimulatedServer } from './simulated-server.js'

const module = new URL('./serve-simulated.js', import.meta.url)

describe('a device with a thread of its own', () => {
  it('two are served side by side, and each ends by itself', async () => {
    const servers = [new SimulatedServer('edu'), new SimulatedServer('nvme')] as const
    for (const server of servers) await server.ready()
    {
      using edu = openVfioUserFunction(servers[0].path)
      using nvme = openVfioUserFunction(servers[1].path)
      assert.equal(edu.config.read(0, 4), 0x11e8_1234)
      assert.equal(nvme.config.read(0, 4), 0x0010_1b36)
      const resetting = nvme.reset()
      assert.equal(edu.config.read(2, 2), 0x11e8)
      assert.deepEqual(await resetting, { ok: true })
    }
    for (const server of servers) {
      await server.close()
      assert.equal(statSync(server.path, { throwIfNoEntry: false }), undefined)
      assert.deepEqual(
        server.events.map(({ kind }) => kind).filter((kind) => kind.endsWith('connected') || kind === 'released'),
        ['connected', 'disconnected', 'released'],
      )
    }
  })
  it('nobody serves at a path where nobody does', () => {
    assert.throws(() => openVfioUserFunction('/tmp/there-is-no-such-socket'), { code: 'NO_DEVICE' })
  })
  for (const [name, options] of Object.entries({
    'a module that exports no such maker': { maker: 'nothing', data: 'edu', at: { path: '/tmp/never' } },
    'a device that cannot be made': { maker: 'makeSimulated', data: 'no such model', at: { path: '/tmp/never' } },
    'a socket that cannot be made': { maker: 'makeSimulated', data: 'edu', at: { path: '/no/such/folder/socket' } },
  })) {
    it(`${name} is an error of its start`, async () => {
      await assert.rejects(DeviceThread.start({ module, ...options }), { code: 'SYSTEM' })
    })
  }
})
