import assert from 'node:assert/strict'
import { ftruncateSync } from 'node:fs'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../src/errors/quiesce-error.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { packed, type Raw, raw, u32, u64 } from '../unit/vfio-user/messages/wire.js'
import { RecordingDevice } from './recording-device.js'
import { ask, errnoOf, greet } from './wire-client.js'

const { EINVAL, EEXIST, ENOSPC } = errnoOf
const page = 4096n
const at = 0x10_0000n

const malformedMaps: Readonly<Record<string, Raw>> = {
  'a short payload': { command: 2, payload: packed(u32(32), u32(3), u64(0)) },
  'an argsz that is too small': ask.map(at, page, 3, 0n, 31),
  'a flag that there is not': ask.map(at, page, 0x13),
  'a size of 0': ask.map(at, 0n),
  'a range that leaves 64 bits': ask.map((1n << 64n) - page, 2n * page),
  'memory by a file, without the file': ask.map(at, page, 7),
  'memory by the calls of a file, without the file': ask.map(at, page, 11),
}

const malformedUnmaps: Readonly<Record<string, Raw>> = {
  'a short payload': { command: 3, payload: packed(u32(24), u32(0), u64(at)) },
  'an argsz that is too small': ask.unmap(at, page, 0, 8),
  'an argsz beyond what a message may carry': ask.unmap(at, page, 0, (1 << 20) + 1),
  'a flag that there is not': ask.unmap(at, page, 4),
  'everything, and an address': ask.unmap(at, 0n, 2),
  'everything, and a size': ask.unmap(0n, page, 2),
  'everything, and a dirty bitmap': ask.unmap(0n, 0n, 3, 64, packed(u64(4096), u64(8))),
  'a dirty bitmap without its struct': ask.unmap(at, page, 1, 48),
  'a dirty bitmap without room': ask.unmap(at, page, 1, 40, packed(u64(4096), u64(8))),
  'a dirty bitmap larger than any room': ask.unmap(at, page, 1, 48, packed(u64(4096), u64(1n << 63n))),
  'a dirty bitmap while nothing is logged': ask.unmap(at, page, 1, 48, packed(u64(4096), u64(8))),
}

function throwsDmaAccess(run: () => unknown): void {
  assert.throws(run, (error) => error instanceof QuiesceError && error.code === 'DMA_ACCESS')
}

describe('DMA_MAP', () => {
  for (const [name, message] of Object.entries(malformedMaps)) {
    it(`${name} is refused, and maps nothing`, async () => {
      const device = new RecordingDevice()
      await using talk = await greet(device)
      assert.equal(await talk.client.errno(message), EINVAL)
      assert.equal(device.mappings.size, 0)
    })
  }
  it('memory by a file is reached at once, both ways', async () => {
    using memory = new SharedMemory(2n * page)
    const device = new RecordingDevice()
    await using talk = await greet(device)
    assert.equal(await talk.client.errno(ask.map(at, page, 3, page), [memory.fd]), 0)
    memory.bytes[4096] = 7
    const into = new Uint8Array(1)
    assert.equal(device.client?.memory.read(at, into), undefined)
    assert.equal(into[0], 7)
    assert.equal(device.client?.memory.write(at + page - 1n, Uint8Array.of(9)), undefined)
    assert.equal(memory.bytes[8191], 9)
    const view = device.client?.memory.view(at, 4096, 'read-write')
    assert.equal(view?.[4095], 9)
  })
  it('what is mapped read-only cannot be written, and the other way round', async () => {
    using memory = new SharedMemory(page)
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await talk.client.errno(ask.map(at, page, 1), [memory.fd])
    await talk.client.errno(ask.map(at + page, page, 2), [memory.fd])
    const { client } = device
    throwsDmaAccess(() => client?.memory.write(at, Uint8Array.of(1)))
    throwsDmaAccess(() => client?.memory.read(at + page, new Uint8Array(1)))
    assert.equal(client?.memory.view(at, 1, 'write'), undefined)
    assert.equal(client?.memory.view(at, 1, 'read')?.byteLength, 1)
  })
  it('nothing beside the mappings is reached', async () => {
    using memory = new SharedMemory(page)
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await talk.client.errno(ask.map(at, page), [memory.fd])
    throwsDmaAccess(() => device.client?.memory.read(at - 1n, new Uint8Array(2)))
    throwsDmaAccess(() => device.client?.memory.read(at + page - 1n, new Uint8Array(2)))
    throwsDmaAccess(() => device.client?.memory.write(0n, new Uint8Array(1)))
  })
  it('a range over two mappings that touch is reached', async () => {
    using memory = new SharedMemory(2n * page)
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await talk.client.errno(ask.map(at, page, 3, page), [memory.fd])
    await talk.client.errno(ask.map(at + page, page, 3, 0n), [memory.fd])
    await device.client?.memory.write(at + page - 2n, Uint8Array.of(1, 2, 3, 4))
    assert.deepEqual([...memory.bytes.subarray(8190)], [1, 2])
    assert.deepEqual([...memory.bytes.subarray(0, 2)], [3, 4])
  })
  it('an overlap is refused, and closes what came with it', async () => {
    using memory = new SharedMemory(page)
    const device = new RecordingDevice()
    await using talk = await greet(device)
    assert.equal(await talk.client.errno(ask.map(at, 2n * page), [memory.fd]), EINVAL, 'the file is shorter')
    assert.equal(await talk.client.errno(ask.map(at, page), [memory.fd]), 0)
    assert.equal(await talk.client.errno(ask.map(at, page), [memory.fd]), EEXIST)
    assert.equal(await talk.client.errno(ask.map(at + page - 1n, page)), EEXIST)
    assert.equal(device.mappings.size, 1)
  })
  it('more mappings than agreed on are refused', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device, { maxDmaMaps: 2 })
    assert.equal(await talk.client.errno(ask.map(0n, page)), 0)
    assert.equal(await talk.client.errno(ask.map(page, page)), 0)
    assert.equal(await talk.client.errno(ask.map(2n * page, page)), ENOSPC)
  })
  it('an offset in the file that is not the start of a page is refused', async () => {
    using memory = new SharedMemory(2n * page)
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.map(at, page, 3, 1n), [memory.fd]), EINVAL)
  })
  it('what the device refuses is not mapped', async () => {
    const device = new RecordingDevice()
    device.mapMemory = () => {
      throw new QuiesceError('MEMLOCK', 'no more memory may be pinned')
    }
    await using talk = await greet(device)
    assert.equal(await talk.client.errno(ask.map(at, page)), 12)
    assert.equal(device.client?.memory.mappings.length, 0)
  })
  it('a file that can be cut short is reached through its own calls, and cutting it hurts nobody', async () => {
    const { mkdtempSync, openSync, closeSync, rmSync } = await import('node:fs')
    const folder = mkdtempSync('/dev/shm/vfio-user-')
    const fd = openSync(`${folder}/memory`, 'w+')
    try {
      ftruncateSync(fd, 4096)
      const device = new RecordingDevice()
      await using talk = await greet(device)
      assert.equal(await talk.client.errno(ask.map(at, page), [fd]), 0)
      assert.equal(device.client?.memory.view(at, 1, 'read'), undefined)
      const into = new Uint8Array(2)
      device.client?.memory.write(at, Uint8Array.of(5, 6))
      device.client?.memory.read(at, into)
      assert.deepEqual([...into], [5, 6])
      ftruncateSync(fd, 0)
      throwsDmaAccess(() => device.client?.memory.read(at, into))
    } finally {
      closeSync(fd)
      rmSync(folder, { recursive: true })
    }
  })
})

describe('DMA_UNMAP', () => {
  for (const [name, message] of Object.entries(malformedUnmaps)) {
    it(`${name} is refused, and unmaps nothing`, async () => {
      const device = new RecordingDevice()
      await using talk = await greet(device)
      await talk.client.errno(ask.map(at, page))
      assert.equal(await talk.client.errno(message), EINVAL)
      assert.equal(device.mappings.size, 1)
    })
  }
  it('the answer repeats the request, once the device has let go', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await talk.client.errno(ask.map(at, page))
    const view = await talk.client.payload(ask.unmap(at, page))
    assert.deepEqual([view.getUint32(0, true), view.getUint32(4, true)], [24, 0])
    assert.deepEqual([view.getBigUint64(8, true), view.getBigUint64(16, true)], [at, page])
    assert.deepEqual(device.log, ['unmap 0x100000'])
    assert.equal(device.client?.memory.mappings.length, 0)
  })
  it('a device that takes its time is waited for', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await talk.client.errno(ask.map(at, page))
    let letGo = (): void => {}
    const waiting = new Promise<void>((resolve) => {
      letGo = resolve
    })
    device.unmapMemory = () => waiting
    talk.client.send(raw({ id: 100, ...ask.unmap(at, page) }))
    talk.client.send(raw({ id: 101, ...ask.deviceInfo() }))
    setTimeout(letGo, 30)
    assert.equal((await talk.client.receive())?.id, 100)
    assert.equal((await talk.client.receive())?.id, 101)
  })
  it('a large range takes every mapping inside it', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    for (const each of [1n, 5n, 9n]) await talk.client.errno(ask.map(each * page, page))
    assert.equal(await talk.client.errno(ask.unmap(0n, 8n * page)), 0)
    assert.deepEqual(
      device.client?.memory.mappings.map(({ address }) => address),
      [9n * page],
    )
  })
  it('a range in which nothing is mapped is no error', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.unmap(0n, 1n << 63n)), 0)
  })
  it('a mapping is not cut in two', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await talk.client.errno(ask.map(at, 2n * page))
    assert.equal(await talk.client.errno(ask.unmap(at, page)), EINVAL)
    assert.equal(await talk.client.errno(ask.unmap(at + page, page)), EINVAL)
    assert.equal(device.mappings.size, 1)
  })
  it('everything can be unmapped at once', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    for (const each of [1n, 5n, 9n]) await talk.client.errno(ask.map(each * page, page))
    assert.equal(await talk.client.errno(ask.unmap(0n, 0n, 2)), 0)
    assert.equal(device.mappings.size, 0)
    assert.equal(await talk.client.errno(ask.map(page, page)), 0, 'and mapped again')
  })
  it('a descriptor that comes with it means nothing', async () => {
    using memory = new SharedMemory(page)
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.unmap(at, page), [memory.fd]), 0)
  })
})

describe('DMA by messages', () => {
  it('the server asks the client, and serves it meanwhile', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await talk.client.errno(ask.map(at, page))
    const into = new Uint8Array(4)
    const reading = device.client?.memory.read(at + 8n, into)
    const asked = await talk.client.receive()
    assert.equal(asked?.command, 11)
    assert.deepEqual([...(asked?.payload ?? [])], packed(u64(at + 8n), u64(4)))
    assert.equal(await talk.client.errno(ask.read(7, 0n, 4)), 0, 'a request while the answer is outstanding')
    talk.client.send(
      raw({ id: asked?.id ?? 0, command: 11, flags: 1, payload: packed(u64(at + 8n), u64(4), u32(0x1234_5678)) }),
    )
    await reading
    assert.deepEqual([...into], [0x78, 0x56, 0x34, 0x12])
  })
  it('a write arrives with its bytes', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await talk.client.errno(ask.map(at, page))
    const writing = device.client?.memory.write(at, Uint8Array.of(1, 2, 3))
    const asked = await talk.client.receive()
    assert.equal(asked?.command, 12)
    assert.deepEqual([...(asked?.payload ?? [])], [...packed(u64(at), u64(3)), 1, 2, 3])
    talk.client.send(raw({ id: asked?.id ?? 0, command: 12, flags: 1, payload: packed(u64(at), u64(3)) }))
    await writing
  })
  it('more than one message may carry goes in several', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device, { maxDataTransfer: 4096 })
    await talk.client.errno(ask.map(at, 4n * page))
    const writing = device.client?.memory.write(at, new Uint8Array(10_000))
    for (const [offset, count] of [
      [0, 4096],
      [4096, 4096],
      [8192, 1808],
    ] as const) {
      const asked = await talk.client.receive()
      assert.deepEqual([...(asked?.payload.subarray(0, 16) ?? [])], packed(u64(at + BigInt(offset)), u64(count)))
      talk.client.send(
        raw({ id: asked?.id ?? 0, command: 12, flags: 1, payload: packed(u64(at + BigInt(offset)), u64(count)) }),
      )
    }
    await writing
  })
  it('a client that refuses is an error of that access', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await talk.client.errno(ask.map(at, page))
    const reading = Promise.resolve(device.client?.memory.read(at, new Uint8Array(1)))
    const asked = await talk.client.receive()
    talk.client.send(raw({ id: asked?.id ?? 0, command: 11, flags: 0x21, errno: 14 }))
    await assert.rejects(reading, { code: 'DMA_ACCESS' })
    assert.equal(await talk.client.errno(ask.deviceInfo()), 0)
  })
  it('an answer to something else is an error of that access', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await talk.client.errno(ask.map(at, page))
    const reading = Promise.resolve(device.client?.memory.read(at, new Uint8Array(1)))
    const asked = await talk.client.receive()
    talk.client.send(
      raw({ id: asked?.id ?? 0, command: 11, flags: 1, payload: packed(u64(at + 1n), u64(1)).concat(0) }),
    )
    await assert.rejects(reading, { code: 'PROTOCOL' })
  })
  it('a client that goes away leaves no access waiting', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    await talk.client.errno(ask.map(at, page))
    const reading = Promise.resolve(device.client?.memory.read(at, new Uint8Array(1)))
    talk.client[Symbol.dispose]()
    await assert.rejects(reading, { code: 'CLOSED' })
  })
})
