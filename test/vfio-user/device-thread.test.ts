import assert from 'node:assert/strict'
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { UnixSocket } from '../../src/linux/unix-socket.js'
import { openVfioUserFunction } from '../../src/vfio-user/client/vfio-user-function.js'
import { DeviceThread } from '../../src/vfio-user/server/device-thread.js'
import type { ServerEvent } from '../../src/vfio-user/server/server-event.js'
import { raw } from '../unit/vfio-user/messages/wire.js'
import { SimulatedServer } from './simulated-server.js'
import { ask, versionPayload, WireClient } from './wire-client.js'

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
  for (const [name, code, options] of [
    ['a module that exports no such maker', 'SYSTEM', { maker: 'nothing', data: 'edu', at: { path: '/tmp/never' } }],
    [
      'a device that cannot be made',
      'NO_DEVICE',
      { maker: 'makeSimulated', data: 'no such model', at: { path: '/tmp/never' } },
    ],
    [
      'a socket that cannot be made',
      'SYSTEM',
      { maker: 'makeSimulated', data: 'edu', at: { path: '/no/such/folder/socket' } },
    ],
  ] as const) {
    it(`${name} is an error of its start, as it was thrown there`, async () => {
      await assert.rejects(DeviceThread.start({ module, ...options }), { name: 'QuiesceError', code })
    })
  }

  for (const [what, maker] of [
    ['a mistake', 'makeFailing'],
    ['one mistake after the other', 'makeAlwaysFailing'],
  ] as const) {
    it(`${what} that nobody caught ends it, but not before the device is quiet`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'vfio-user-'))
      const path = join(folder, 'socket')
      const events: ServerEvent[] = []
      const thread = await DeviceThread.start({
        module: new URL('./failing-device.js', import.meta.url),
        maker,
        at: { path },
        onEvent: (event) => events.push(event),
      })
      using client = new WireClient(UnixSocket.connect(path, 4096))
      client.send(raw({ command: 1, payload: versionPayload('{}') }))
      await client.receive()
      client.send(raw(ask.write(0, 0n, [1])))
      assert.equal(await thread.ended, 'a mistake of the device')
      const kinds = events.map(({ kind }) => kind)
      assert.deepEqual(kinds.slice(-3), ['disconnected', 'cut-off', 'released'])
      rmSync(folder, { recursive: true })
    })
  }
  it('closes nothing of others at its end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vfio-user-'))
    const told: ServerEvent[] = []
    const thread = await DeviceThread.start({
      module: new URL('./failing-device.js', import.meta.url),
      maker: 'makeWithClosedFiles',
      at: { path: join(folder, 'socket') },
      onEvent: (event) => told.push(event),
    })
    const closed = told.flatMap((event) => (event.kind === 'cut-off' ? [Number(event.by)] : []))
    // Numbers are given out from the lowest: among these are those that the thread has closed.
    const ours = Array.from({ length: 64 }, () => openSync('/dev/null', 'r'))
    assert.ok(closed.some((fd) => ours.includes(fd)))
    await thread.close()
    for (const fd of ours) assert.doesNotThrow(() => fstatSync(fd))
    for (const fd of ours) closeSync(fd)
    rmSync(folder, { recursive: true })
  })

  it('counts the messages that came', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vfio-user-'))
    const path = join(folder, 'socket')
    const thread = await DeviceThread.start({ module, maker: 'makeSimulated', data: 'edu', at: { path } })
    const before = await thread.counts()
    assert.deepEqual(before, { messages: 0, device: {} })
    {
      using edu = openVfioUserFunction(path)
      const { messages = 0 } = (await thread.counts()) ?? {}
      edu.config.read(0, 4)
      assert.equal((await thread.counts())?.messages, messages + 1)
    }
    await thread.close()
    assert.equal(await thread.ended, undefined)
    assert.equal(await thread.counts(), undefined)
    rmSync(folder, { recursive: true })
  })
})
