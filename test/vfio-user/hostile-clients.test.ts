// What a client could do to the process that serves it, and to the devices of others in it.
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { QuiesceError } from '../../src/errors/quiesce-error.js'
import { EventFd } from '../../src/linux/eventfd.js'
import { libc } from '../../src/linux/libc.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import type { UnixListener } from '../../src/linux/unix-listener.js'
import { UnixSocket } from '../../src/linux/unix-socket.js'
import { DeviceGroup } from '../../src/vfio-user/server/device-group.js'
import { DeviceServer } from '../../src/vfio-user/server/device-server.js'
import type { ServerEvent } from '../../src/vfio-user/server/server-event.js'
import { packed, raw, u32, u64 } from '../unit/vfio-user/messages/wire.js'
import { openDescriptors } from './open-descriptors.js'
import { memoryRegion, RecordingDevice } from './recording-device.js'
import { ask, errnoOf, greet, irqFlags, meet, WireClient } from './wire-client.js'

const { EINVAL, ENOSPC } = errnoOf
const page = 4096n
const setFlags = 4
const full = new Uint8Array(new BigUint64Array([2n ** 64n - 2n]).buffer)

/** Areas of this process's address space. */
const areas = (): number => readFileSync('/proc/self/maps', 'utf8').split('\n').length

describe('eventfds of a client', () => {
  it('one that is made to block, and full, does not stop the server', async () => {
    using eventfd = new EventFd()
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.setIrqs(2, irqFlags.eventfd | irqFlags.trigger, 0, 1), [eventfd.fd]), 0)
    // The flag is of the open file, which both have.
    assert.equal(libc().fcntl(eventfd.fd, setFlags, 0), 0)
    writeSync(eventfd.fd, full)
    assert.equal(await talk.client.errno(ask.setIrqs(2, irqFlags.none | irqFlags.trigger, 0, 1)), 0)
    assert.equal(await talk.client.errno(ask.deviceInfo()), 0)
  })
})

describe('memory of a client', () => {
  it('thousands of mappings of one file take one descriptor and one area of the address space', async () => {
    using memory = new SharedMemory(2n * page)
    const device = new RecordingDevice()
    await using talk = await greet(device)
    assert.equal(await talk.client.errno(ask.map(0n, page), [memory.fd]), 0)
    const before = [openDescriptors(), areas()] as const
    const count = 2_000n
    for (let each = 1n; each < count; each++) {
      assert.equal(await talk.client.errno(ask.map(each * page, page, 3, (each % 2n) * page), [memory.fd]), 0)
    }
    assert.equal(openDescriptors(), before[0])
    assert.ok(areas() < before[1] + 200, `${areas() - before[1]} areas more`)
    memory.bytes[4096] = 5
    const into = new Uint8Array(1)
    device.client?.memory.read(1001n * page, into)
    assert.equal(into[0], 5)
    assert.equal(await talk.client.errno(ask.unmap(0n, 0n, 2)), 0)
    assert.equal(openDescriptors(), before[0] - 1)
  })
  it('lies in so many files at most', async () => {
    const files = Array.from({ length: 513 }, () => new SharedMemory(page))
    await using talk = await greet(new RecordingDevice())
    const before = openDescriptors()
    for (const [index, file] of files.entries()) {
      const errno = await talk.client.errno(ask.map(BigInt(index) * page, page), [file.fd])
      assert.equal(errno, index < 512 ? 0 : ENOSPC)
    }
    assert.equal(openDescriptors(), before + 512)
    for (const file of files) file[Symbol.dispose]()
  })
  it('a descriptor that is no memory is left alone: the memory is reached by messages', async () => {
    const directory = openSync('/tmp', 'r')
    using eventfd = new EventFd()
    try {
      const device = new RecordingDevice()
      await using talk = await greet(device)
      for (const [index, fd] of [directory, eventfd.fd].entries()) {
        const address = BigInt(index) * page
        assert.equal(await talk.client.errno(ask.map(address, page), [fd]), 0)
        const reading = device.client?.memory.read(address, new Uint8Array(4))
        const asked = await talk.client.receive()
        assert.equal(asked?.command, 11)
        talk.client.send(raw({ id: asked.id, command: 11, flags: 1, payload: packed(u64(address), u64(4), u32(1)) }))
        await reading
      }
    } finally {
      closeSync(directory)
    }
  })
  it('a file that is opened for reading is not mapped to be written', async () => {
    using memory = new SharedMemory(page)
    const fd = openSync(`/proc/self/fd/${memory.fd}`, 'r')
    try {
      const device = new RecordingDevice()
      await using talk = await greet(device)
      assert.notEqual(await talk.client.errno(ask.map(0n, page, 3), [fd]), 0)
      assert.equal(await talk.client.errno(ask.map(0n, page, 1), [fd]), 0)
      assert.equal(await talk.client.errno(ask.map(page, page, 3), [memory.fd]), 0, 'the same memory, to be written')
      device.client?.memory.write(page, Uint8Array.of(9))
      assert.equal(memory.bytes[0], 9)
    } finally {
      closeSync(fd)
    }
  })
  it('its end is found among thousands, at their edges', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    for (const each of [7n, 1n, 4n, 2n, 9n]) await talk.client.errno(ask.map(each * page, page))
    const at = () => device.client?.memory.mappings.map(({ address }) => address / page)
    assert.deepEqual(at(), [1n, 2n, 4n, 7n, 9n])
    assert.equal(await talk.client.errno(ask.map(3n * page, 2n * page)), errnoOf.EEXIST)
    assert.equal(await talk.client.errno(ask.map(3n * page, page)), 0)
    assert.equal(await talk.client.errno(ask.unmap(2n * page, 3n * page)), 0)
    assert.deepEqual(at(), [1n, 7n, 9n])
    assert.equal(await talk.client.errno(ask.unmap(9n * page + 1n, 0n)), EINVAL)
    assert.equal(await talk.client.errno(ask.unmap(10n * page, page)), 0)
    assert.deepEqual(at(), [1n, 7n, 9n])
  })
})

describe('messages of a client', () => {
  it('events of what it does come at a bounded rate, and how many were left out is told', async () => {
    await using talk = await greet(new RecordingDevice())
    for (let round = 0; round < 500; round++) await talk.client.errno({ command: 99 })
    const told = talk.events.filter(({ kind }) => kind === 'refused').length
    talk.client[Symbol.dispose]()
    await talk.server.close()
    const left = talk.events.flatMap((event) => (event.kind === 'suppressed' ? [event.count] : []))
    assert.ok(told >= 10 && told < 400, `${told} of 500`)
    assert.equal(talk.events.filter(({ kind }) => kind === 'refused').length + left.reduce((a, b) => a + b, 0), 500)
  })
  it('a client that takes little data at once can still map memory', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device, { capabilities: { max_data_xfer_size: 1 } })
    assert.equal(await talk.client.errno(ask.map(0n, page)), 0)
    assert.equal(await talk.client.errno(ask.read(7, 0n, 1)), 0)
    assert.equal(await talk.client.errno(ask.read(7, 0n, 2)), EINVAL)
  })
  it('accesses at the end of 64 bits do not come round to the beginning', async () => {
    const device = new RecordingDevice({ 2: memoryRegion(16) })
    await using talk = await greet(device)
    for (const offset of [1n << 63n, (1n << 64n) - 1n, (1n << 64n) - 4n, (1n << 64n) - 16n]) {
      assert.equal(await talk.client.errno(ask.read(2, offset, 16)), EINVAL)
      assert.equal(
        await talk.client.errno(
          ask.write(
            2,
            offset,
            Array.from({ length: 16 }, () => 1),
          ),
        ),
        EINVAL,
      )
      assert.equal(await talk.client.errno(ask.map(offset, 1n << 63n)), offset === 1n << 63n ? 0 : EINVAL)
    }
  })
  it('a read of no bytes, at the end of a region too, is an answer without any', async () => {
    await using talk = await greet(new RecordingDevice({ 2: memoryRegion(16) }))
    for (const offset of [0n, 16n]) {
      const view = await talk.client.payload(ask.read(2, offset, 0))
      assert.equal(view.byteLength, 16)
    }
    assert.equal(await talk.client.errno(ask.read(2, 17n, 0)), EINVAL)
  })
  it('an error flag on a request changes nothing, and one that wants no reply gets none', async () => {
    await using talk = await greet(new RecordingDevice())
    talk.client.send(raw({ id: 5, ...ask.deviceInfo(), flags: 0x20, errno: 5 }))
    assert.equal((await talk.client.receive())?.id, 5)
    talk.client.send(raw({ id: 6, ...ask.deviceInfo(), flags: 0x10 }))
    talk.client.send(raw({ id: 7, command: 99, flags: 0x30 }))
    talk.client.send(raw({ id: 8, ...ask.deviceInfo() }))
    assert.equal((await talk.client.receive())?.id, 8)
  })
  it('descriptors that come with every piece of a message are counted together', async () => {
    using memory = new SharedMemory(page)
    await using talk = await greet(new RecordingDevice())
    const before = openDescriptors()
    const message = raw({ id: 3, ...ask.setIrqs(2, irqFlags.eventfd | irqFlags.trigger, 0, 4) })
    for (let at = 0; at < message.byteLength; at += 6) {
      talk.client.send(
        message.subarray(at, at + 6),
        Array.from({ length: 5 }, () => memory.fd),
      )
      await setTimeout(1)
    }
    assert.equal((await talk.client.receive())?.errno, EINVAL)
    assert.equal(openDescriptors(), before)
  })
})

describe('a server that lacks something', () => {
  it('no descriptor for the next client: it says so, and tries again', async () => {
    const [ours, theirs] = UnixSocket.pair(2 << 20)
    using client = new WireClient(ours)
    let tries = 0
    let wake = (): void => {}
    const listener = {
      accept() {
        tries++
        if (tries > 1) return tries === 2 ? theirs : undefined
        throw new QuiesceError('SYSTEM', 'Cannot accept a connection: EMFILE', { errno: 24, errnoName: 'EMFILE' })
      },
      watch(callback: () => void) {
        wake = callback
        return { close: () => {} }
      },
      [Symbol.dispose]() {},
    }
    const events: ServerEvent[] = []
    const server = new DeviceServer(new RecordingDevice(), { onEvent: (event) => events.push(event) })
    server.listen(listener as unknown as UnixListener)
    wake()
    const [event] = events
    assert.ok(event?.kind === 'refused' && event.command === 'accept' && event.errno === 24)
    wake = () => {}
    for (let round = 0; round < 300 && tries < 2; round++) {
      await setTimeout(10)
      wake()
    }
    assert.equal(events[1]?.kind, 'connected')
    client[Symbol.dispose]()
    await server.close()
  })
  it('no descriptor, of a device that shares something: it waits as long', async () => {
    let tries = 0
    let watches = 0
    const listener = {
      accept() {
        tries++
        throw new QuiesceError('SYSTEM', 'Cannot accept a connection: EMFILE', { errno: 24, errnoName: 'EMFILE' })
      },
      // Somebody waits there all the time.
      watch(callback: () => void) {
        watches++
        const turn = setInterval(callback, 1)
        return { close: () => clearInterval(turn) }
      },
      [Symbol.dispose]() {},
    }
    const server = new DeviceServer(new RecordingDevice(), { gate: new DeviceGroup().gate('recording') })
    server.listen(listener as unknown as UnixListener)
    await setTimeout(50)
    await server.close()
    assert.deepEqual([tries, watches], [1, 1])
  })
  it('what it needs to talk to a client: that is turned away, and keeps no place in the group', async () => {
    const group = new DeviceGroup()
    const events: ServerEvent[] = []
    const onEvent = (event: ServerEvent) => void events.push(event)
    const server = new DeviceServer(new RecordingDevice(), { onEvent, gate: group.gate('one') })
    const [ours, theirs] = UnixSocket.pair(2 << 20)
    using _client = new WireClient(ours)
    theirs.watch = () => {
      throw new QuiesceError('SYSTEM', 'Cannot watch a descriptor')
    }
    server.serve(theirs)
    assert.deepEqual(
      events.map((event) => (event.kind === 'turned-away' ? event.reason : event.kind)),
      ['Cannot watch a descriptor'],
    )
    assert.equal(theirs.isOpen, false)
    assert.equal(group.gate('two').enter({ pid: 1, uid: 0, gid: 0 }), undefined)
    await server.close()
  })
  it('a device that takes no client: the client is told, and the next may come', async () => {
    const device = new RecordingDevice()
    device.connect = () => {
      throw new Error('not now')
    }
    const talk = meet(device)
    assert.equal(await talk.client.receive(), undefined)
    await talk[Symbol.asyncDispose]()
    assert.ok(talk.events.some((event) => event.kind === 'refused' && event.command === 'connect'))
    assert.equal(talk.events.at(-1)?.kind, 'released')
  })
  it('a device that could not be left quiet is given to nobody until it can', async () => {
    const device = new RecordingDevice()
    let isQuiet = false
    device.quiesce = async () => {
      device.log.push('quiesce')
      if (!isQuiet) throw new Error('it would not be quiet')
    }
    const talk = await greet(device)
    talk.client[Symbol.dispose]()
    const seen = async (kind: ServerEvent['kind']) => {
      for (let round = 0; round < 200; round++) {
        const event = talk.events.find((each) => each.kind === kind)
        if (event !== undefined) return event
        await setTimeout(5)
      }
      throw new Error(`no ${kind}`)
    }
    const released = await seen('released')
    assert.equal(released.kind === 'released' && released.failure, 'it would not be quiet')
    const [second, secondTheirs] = UnixSocket.pair(2 << 20)
    using refusedClient = new WireClient(second)
    talk.server.serve(secondTheirs)
    assert.equal(await refusedClient.receive(), undefined)
    const turnedAway = await seen('turned-away')
    assert.equal(turnedAway.kind === 'turned-away' && turnedAway.reason, 'it would not be quiet')
    isQuiet = true
    const [third, thirdTheirs] = UnixSocket.pair(2 << 20)
    using letIn = new WireClient(third)
    talk.server.serve(thirdTheirs)
    letIn.send(raw({ command: 1, payload: [0, 0, 0, 0] }))
    assert.equal((await letIn.receive())?.command, 1)
    assert.deepEqual(device.log, ['quiesce', 'quiesce', 'quiesce'])
    letIn[Symbol.dispose]()
    await talk.server.close()
  })
})
