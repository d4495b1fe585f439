import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { EventFd } from '../../src/linux/eventfd.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { UnixListener } from '../../src/linux/unix-listener.js'
import { UnixSocket } from '../../src/linux/unix-socket.js'
import { DeviceServer } from '../../src/vfio-user/server/device-server.js'
import { packed, raw, u32 } from '../unit/vfio-user/messages/wire.js'
import { openDescriptors } from './open-descriptors.js'
import { memoryRegion, RecordingDevice } from './recording-device.js'
import { until } from './until.js'
import { ask, errnoOf, greet, irqFlags, meet, versionPayload, WireClient } from './wire-client.js'

const { EINVAL } = errnoOf
const page = 4096n
const version = raw({ command: 1, payload: versionPayload('{"capabilities": {"max_msg_fds": 16}}') })

/** A server that listens at a path, for the time of a test. */
async function withServer(
  device: RecordingDevice,
  run: (path: string, server: DeviceServer) => Promise<void>,
  options: ConstructorParameters<typeof DeviceServer>[1] = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-user-'))
  const path = join(folder, 'socket')
  const server = new DeviceServer(device, options)
  try {
    server.listen(UnixListener.listen(path))
    await run(path, server)
  } finally {
    await server.close()
    assert.equal(statSync(path, { throwIfNoEntry: false }), undefined, 'the socket is gone with its server')
    rmSync(folder, { recursive: true })
  }
}

describe('requests that cannot be understood', () => {
  for (const [name, message] of Object.entries({
    'a size below a header': raw({ command: 4, size: 8 }),
    'a size beyond what was agreed on': raw({ command: 10, size: (2 << 20) + 4096 }),
  })) {
    it(`${name} is answered with EINVAL, and ends the connection`, async () => {
      await using talk = await greet(new RecordingDevice())
      talk.client.send(message)
      assert.equal((await talk.client.receive())?.errno, EINVAL)
      assert.equal(await talk.client.receive(), undefined)
    })
  }
  for (const [name, message] of Object.entries({
    'a command that there is not': { command: 0x4d2 },
    'a command of the server': { command: 11, payload: packed(u32(0), u32(0), u32(0), u32(0)) },
    'a request without its payload': { command: 8 },
    'command 0': { command: 0 },
    'command 14, which is not used': { command: 14 },
  })) {
    it(`${name} is answered with EINVAL, and the connection goes on`, async () => {
      await using talk = await greet(new RecordingDevice())
      assert.equal(await talk.client.errno(message), EINVAL)
      assert.equal(await talk.client.errno(ask.deviceInfo()), 0)
    })
  }
  for (const [name, message] of Object.entries({
    'a reply that nobody waits for': raw({
      id: 77,
      command: 11,
      flags: 1,
      payload: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    }),
    'an error that nobody waits for': raw({ id: 77, command: 12, flags: 0x21, errno: 5 }),
    'a reply to a command of its own': raw({ id: 77, command: 4, flags: 1 }),
  })) {
    it(`${name} is not answered, and the connection goes on`, async () => {
      await using talk = await greet(new RecordingDevice())
      talk.client.send(message)
      assert.equal(await talk.client.errno(ask.deviceInfo()), 0)
    })
  }
  it('more descriptors than agreed on are refused, and closed', async () => {
    using memory = new SharedMemory(page)
    await using talk = await greet(new RecordingDevice())
    const before = openDescriptors()
    const fds = Array.from({ length: 100 }, () => memory.fd)
    assert.equal(await talk.client.errno(ask.setIrqs(2, irqFlags.eventfd | irqFlags.trigger, 0, 16), fds), EINVAL)
    assert.equal(openDescriptors(), before)
  })
  it('descriptors of every message that is refused, or has no use for them, are closed', async () => {
    using eventfd = new EventFd()
    await using talk = await greet(new RecordingDevice())
    const before = openDescriptors()
    for (let command = 0; command < 20; command++) {
      if (command === 11 || command === 12) continue
      await talk.client.ask({ command, payload: packed(u32(1), u32(2)) }, [eventfd.fd, eventfd.fd])
    }
    await talk.client.ask(ask.deviceInfo(), [eventfd.fd])
    await talk.client.ask(ask.map(0n, page, 0x30), [eventfd.fd])
    await talk.client.ask(ask.unmap(0n, page), [eventfd.fd])
    talk.client.send(raw({ id: 1, command: 11, flags: 1 }), [eventfd.fd])
    talk.client.send(raw({ id: 1, command: 5, flags: 3 }), [eventfd.fd])
    assert.equal((await talk.client.receive())?.errno, EINVAL, 'neither a request nor a reply')
    await talk.client.errno(ask.deviceInfo())
    assert.equal(openDescriptors(), before)
  })
})

describe('a client and its time', () => {
  it('when it is gone the device is quiesced first, then its memory goes, then its eventfds are closed', async () => {
    using eventfd = new EventFd()
    using memory = new SharedMemory(page)
    const before = openDescriptors()
    const device = new RecordingDevice()
    {
      await using talk = await greet(device)
      await talk.client.errno(ask.map(0n, page), [memory.fd])
      await talk.client.errno(ask.map(page, page), [memory.fd])
      await talk.client.errno(ask.setIrqs(2, irqFlags.eventfd | irqFlags.trigger, 0, 1), [eventfd.fd])
    }
    assert.deepEqual(device.log, ['msix: fd', 'quiesce, 2 mapped', 'msix: ', 'unmap 0x0', 'unmap 0x1000'])
    assert.equal(device.client?.signal('msix', 0), false)
    assert.equal(openDescriptors(), before)
  })
  it('whatever the device throws on the way, everything is taken back, and it is told', async () => {
    using memory = new SharedMemory(page)
    const before = openDescriptors()
    const device = new RecordingDevice()
    device.quiesce = () => Promise.reject(new Error('it would not be quiet'))
    device.unmapMemory = () => Promise.reject(new Error('it would not let go'))
    const talk = await greet(device)
    await talk.client.errno(ask.map(0n, page), [memory.fd])
    await talk[Symbol.asyncDispose]()
    const released = talk.events.find(({ kind }) => kind === 'released')
    assert.equal(released?.kind === 'released' && released.failure, 'it would not be quiet')
    assert.equal(openDescriptors(), before)
  })
  it('a reset that is under way ends before the device is quiesced', async () => {
    const device = new RecordingDevice()
    device.resetOutcome = setTimeout(50, { ok: true } as const).then((outcome) => {
      device.log.push('reset ended')
      return outcome
    })
    const talk = await greet(device)
    talk.client.send(raw(ask.reset))
    await until(() => device.log.includes('reset'), 'the reset did not begin')
    await talk[Symbol.asyncDispose]()
    assert.deepEqual(device.log, ['reset', 'reset ended', 'quiesce, 0 mapped'])
  })
  it('the next one is let in when the device is quiet', async () => {
    const device = new RecordingDevice()
    let finish = (): void => {}
    device.quiesce = () => {
      device.log.push('quiesce')
      return new Promise((resolve) => {
        finish = resolve
      })
    }
    await withServer(device, async (path) => {
      const first = new WireClient(UnixSocket.connect(path, 4096))
      first.send(version)
      await first.receive()
      using second = new WireClient(UnixSocket.connect(path, 4096))
      second.send(version)
      first[Symbol.dispose]()
      await until(() => device.log.includes('quiesce'), 'the device was not quiesced')
      await setTimeout(20)
      assert.equal(second.socket.receive().kind, 'nothing')
      finish()
      assert.equal((await second.receive())?.command, 1)
      second[Symbol.dispose]()
      await until(() => device.log.length === 2, 'the device was not quiesced again')
      finish()
    })
  })
  it('one that leaves a message half sent, and waits, is given up', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device, { stallTimeoutMs: 50 })
    talk.client.send(raw(ask.write(0, 0n, [1, 2, 3, 4])).subarray(0, 20))
    assert.equal(await talk.client.receive(), undefined)
    await until(() => device.log.length > 0, 'the device was not quiesced')
    assert.deepEqual(device.log, ['quiesce, 0 mapped'])
  })
  it('one that does not even say VERSION is given up', async () => {
    const device = new RecordingDevice()
    const talk = meet(device, { stallTimeoutMs: 30 })
    assert.equal(await talk.client.receive(), undefined)
    await talk[Symbol.asyncDispose]()
    assert.deepEqual(device.log, ['quiesce, 0 mapped'])
  })
  it('one that says nothing after that is not given up', async () => {
    await using talk = await greet(new RecordingDevice(), { stallTimeoutMs: 20 })
    await setTimeout(100)
    assert.equal(await talk.client.errno(ask.deviceInfo()), 0)
  })
  it('one that reads no answers is not read from, and then given up', async () => {
    let reads = 0
    const device = new RecordingDevice({ 2: memoryRegion(1 << 20, { read: () => void reads++ }) })
    await using talk = await greet(device, { stallTimeoutMs: 100 })
    const message = raw(ask.read(2, 0n, 1 << 20))
    let sent = 0
    const socket = talk.client.socket
    for (let round = 0; round < 10_000; round++) {
      socket.sendBuffer.set(message)
      const outcome = socket.send(0, message.byteLength)
      if (outcome.kind === 'sent') sent++
      else if (outcome.kind === 'closed') break
      else await setTimeout(1)
    }
    assert.ok(reads < 10, `${reads} of ${sent} requests were answered`)
    assert.ok(talk.server.received < 2000, `${talk.server.received} of ${sent} requests were taken in`)
    await until(() => device.log.length > 0, 'it was not given up')
  })
  it('bytes that come one by one are a message in the end', async () => {
    await using talk = await greet(new RecordingDevice())
    for (const byte of raw({ id: 5, ...ask.deviceInfo() })) {
      talk.client.send(Uint8Array.of(byte))
      await setTimeout(1)
    }
    assert.equal((await talk.client.receive())?.id, 5)
  })
  it('two hundred that connect and die leave nothing behind', async () => {
    using memory = new SharedMemory(page)
    using eventfd = new EventFd()
    const device = new RecordingDevice()
    await withServer(device, async (path, server) => {
      const before = openDescriptors()
      for (let round = 0; round < 200; round++) {
        const client = new WireClient(UnixSocket.connect(path, 4096))
        if (round % 4 > 0) {
          client.send(version)
          await client.receive()
        }
        if (round % 4 > 1) client.send(raw(ask.map(0n, page)), [memory.fd])
        if (round % 4 > 2) {
          client.send(raw(ask.setIrqs(2, irqFlags.eventfd | irqFlags.trigger, 0, 1)), [eventfd.fd])
          client.send(raw(ask.write(0, 0n, [1, 2])).subarray(0, 9), [eventfd.fd])
        }
        client[Symbol.dispose]()
        await until(
          () => device.log.filter((line) => line.startsWith('quiesce')).length === round + 1,
          `client ${round}`,
        )
      }
      await until(() => !server.isOccupied, 'the last one')
      assert.equal(device.mappings.size, 0)
      assert.equal(openDescriptors(), before)
    })
  })
  it('a server that ends leaves the device quiet', async () => {
    const device = new RecordingDevice()
    const talk = await greet(device)
    await talk.server.close()
    assert.deepEqual(device.log, ['quiesce, 0 mapped'])
    assert.equal(await talk.client.receive(), undefined)
    talk.client[Symbol.dispose]()
  })
})

describe('who may connect', () => {
  it('the socket is for its owner only', async () => {
    await withServer(new RecordingDevice(), async (path) => {
      assert.equal(statSync(path).mode & 0o777, 0o600)
    })
  })
  it('whoever is not allowed is turned away, and the device never hears of it', async () => {
    const device = new RecordingDevice()
    const talk = meet(device, { allow: () => false })
    assert.equal(await talk.client.receive(), undefined)
    const [event] = talk.events
    assert.ok(event?.kind === 'turned-away' && event.peer.pid === process.pid)
    assert.deepEqual(device.log, [])
    await talk[Symbol.asyncDispose]()
  })
  it('the user of this process is allowed', async () => {
    const talk = meet(new RecordingDevice())
    const [event] = talk.events
    assert.ok(event?.kind === 'connected' && event.peer.uid === process.getuid?.())
    await talk[Symbol.asyncDispose]()
  })
})
