import assert from 'node:assert/strict'
import { closeSync, fstatSync } from 'node:fs'
import { describe, it } from 'node:test'
import { EventFd } from '../../src/linux/eventfd.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { packed, u32 } from '../unit/vfio-user/messages/wire.js'
import { memoryRegion, RecordingDevice } from './recording-device.js'
import { ask, errnoOf, greet } from './wire-client.js'

const { EINVAL } = errnoOf
const page = 4096n

describe('DEVICE_GET_INFO', () => {
  it('a PCI device that can be reset, with nine regions and five kinds of interrupts', async () => {
    await using talk = await greet(new RecordingDevice())
    const view = await talk.client.payload(ask.deviceInfo())
    assert.deepEqual(
      [0, 4, 8, 12].map((at) => view.getUint32(at, true)),
      [16, 3, 9, 5],
    )
  })
  it('a longer argsz is answered in full', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal((await talk.client.payload(ask.deviceInfo(32))).byteLength, 16)
  })
  it('an argsz that is too small is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.deviceInfo(15)), EINVAL)
  })
  it('a payload that is too short is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno({ command: 4, payload: packed(u32(16), u32(0)) }), EINVAL)
  })
})

describe('DEVICE_GET_REGION_INFO', () => {
  const fields = (view: DataView) => ({
    argsz: view.getUint32(0, true),
    flags: view.getUint32(4, true),
    index: view.getUint32(8, true),
    capOffset: view.getUint32(12, true),
    size: view.getBigUint64(16, true),
    offset: view.getBigUint64(24, true),
  })

  it('a short payload is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno({ command: 5, payload: packed(u32(32), u32(0), u32(0)) }), EINVAL)
  })
  it('an argsz that is too small is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.regionInfo(0, 31)), EINVAL)
  })
  it('an index beyond the regions of a PCI device is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.regionInfo(9)), EINVAL)
    assert.equal(await talk.client.errno(ask.regionInfo(0xffff_ffff)), EINVAL)
  })
  for (const index of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
    it(`region ${index} is described, whether it is there or not, in 32 bytes`, async () => {
      const device = new RecordingDevice()
      await using talk = await greet(device)
      const view = await talk.client.payload(ask.regionInfo(index))
      assert.equal(view.byteLength, 32)
      const size = device.regions[index]?.size ?? 0n
      assert.deepEqual(fields(view), { argsz: 32, flags: size === 0n ? 0 : 3, index, capOffset: 0, size, offset: 0n })
    })
  }
  it('what cannot be written, or read, has no flag for it', async () => {
    const rom = memoryRegion(2048, { writable: false })
    await using talk = await greet(new RecordingDevice({ 6: rom }))
    assert.equal(fields(await talk.client.payload(ask.regionInfo(6))).flags, 1)
  })
  it('a region that can be mapped comes with its file', async () => {
    using memory = new SharedMemory(2n * page)
    const region = memoryRegion(8192, {
      mappable: [{ offset: 0n, size: 8192n }],
      file: { fd: memory.fd, offset: page },
    })
    await using talk = await greet(new RecordingDevice({ 2: region }))
    const reply = await talk.client.ask(ask.regionInfo(2))
    const view = new DataView(reply.payload.buffer)
    assert.deepEqual(fields(view), { argsz: 32, flags: 7, index: 2, capOffset: 0, size: 8192n, offset: page })
    assert.equal(reply.fds.length, 1)
    const [fd = -1] = reply.fds
    assert.equal(fstatSync(fd).ino, fstatSync(memory.fd).ino)
    closeSync(fd)
  })
  const sparse = (memory: SharedMemory) =>
    memoryRegion(4 * 4096, {
      mappable: [
        { offset: 0n, size: page },
        { offset: 2n * page, size: 2n * page },
      ],
      file: { fd: memory.fd, offset: 0n },
    })
  it('areas for which there is no room are left out, with the room that they take, and no file', async () => {
    using memory = new SharedMemory(4n * page)
    await using talk = await greet(new RecordingDevice({ 2: sparse(memory) }))
    const reply = await talk.client.ask(ask.regionInfo(2))
    assert.equal(reply.payload.byteLength, 32)
    assert.deepEqual(reply.fds, [])
    assert.equal(fields(new DataView(reply.payload.buffer)).argsz, 32 + 16 + 2 * 16)
  })
  it('areas for which there is room come as a capability, with the file', async () => {
    using memory = new SharedMemory(4n * page)
    await using talk = await greet(new RecordingDevice({ 2: sparse(memory) }))
    const reply = await talk.client.ask(ask.regionInfo(2, 80))
    const view = new DataView(reply.payload.buffer)
    assert.equal(reply.fds.length, 1)
    for (const fd of reply.fds) closeSync(fd)
    const { flags, capOffset } = fields(view)
    assert.deepEqual({ flags, capOffset }, { flags: 15, capOffset: 32 })
    assert.deepEqual([view.getUint16(32, true), view.getUint32(40, true)], [1, 2])
    assert.deepEqual(
      [48, 56, 64, 72].map((at) => view.getBigUint64(at, true)),
      [0n, page, 2n * page, 2n * page],
    )
  })
})

describe('DEVICE_GET_REGION_IO_FDS', () => {
  it('flags are refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.ioFds(0, 16, 1)), EINVAL)
  })
  it('a count is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.ioFds(0, 16, 0, 1)), EINVAL)
  })
  it('an argsz that is too small is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.ioFds(0, 15)), EINVAL)
  })
  it('an argsz beyond what a message may carry is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.ioFds(0, (1 << 20) + 1)), EINVAL)
  })
  it('a short payload is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno({ command: 6, payload: packed(u32(16), u32(0)) }), EINVAL)
  })
  it('an index beyond the regions is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.ioFds(9)), EINVAL)
  })
  it('a region that is not there is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.ioFds(3)), EINVAL)
  })
  it('a region without any has none', async () => {
    await using talk = await greet(new RecordingDevice())
    const view = await talk.client.payload(ask.ioFds(0, 512))
    assert.deepEqual([view.byteLength, view.getUint32(0, true), view.getUint32(12, true)], [16, 16, 0])
  })

  const withEventfds = (eventfds: readonly EventFd[], picks: readonly number[]) =>
    new RecordingDevice({
      1: memoryRegion(4096, {
        eventfds: picks.map((pick, at) => ({ offset: BigInt(8 * at), size: 8n, fd: eventfds[pick]?.fd ?? -1 })),
      }),
    })
  it('where there is no room, there are no fds, and argsz says what they take', async () => {
    using eventfd = new EventFd()
    await using talk = await greet(withEventfds([eventfd], [0, 0]))
    const reply = await talk.client.ask(ask.ioFds(1, 16))
    const view = new DataView(reply.payload.buffer)
    assert.deepEqual([view.byteLength, view.getUint32(0, true), view.getUint32(12, true)], [16, 96, 2])
    assert.deepEqual(reply.fds, [])
  })
  it('room for some of them is room for none', async () => {
    using eventfd = new EventFd()
    await using talk = await greet(withEventfds([eventfd], [0, 0]))
    assert.equal((await talk.client.payload(ask.ioFds(1, 16 + 40))).byteLength, 16)
  })
  it('every one comes with its fd, and they are the very eventfds', async () => {
    using one = new EventFd()
    using other = new EventFd()
    await using talk = await greet(withEventfds([one, other], [0, 1]))
    const reply = await talk.client.ask(ask.ioFds(1, 96))
    const view = new DataView(reply.payload.buffer)
    assert.equal(view.byteLength, 96)
    assert.deepEqual([view.getUint32(16 + 16, true), view.getUint32(56 + 16, true)], [0, 1])
    assert.equal(reply.fds.length, 2)
    for (const fd of reply.fds) closeSync(fd)
  })
  it('one fd for several parts travels once', async () => {
    using eventfd = new EventFd()
    await using talk = await greet(withEventfds([eventfd], [0, 0, 0]))
    const reply = await talk.client.ask(ask.ioFds(1, 16 + 120))
    const view = new DataView(reply.payload.buffer)
    assert.deepEqual(
      [16, 56, 96].map((at) => view.getUint32(at + 16, true)),
      [0, 0, 0],
    )
    assert.equal(reply.fds.length, 1)
    for (const fd of reply.fds) closeSync(fd)
  })
  it('a longer argsz than needed is fine', async () => {
    using eventfd = new EventFd()
    await using talk = await greet(withEventfds([eventfd], [0]))
    assert.equal((await talk.client.payload(ask.ioFds(1, 4096))).byteLength, 56)
  })
  it('more fds than the client takes are not sent', async () => {
    using one = new EventFd()
    using other = new EventFd()
    await using talk = await greet(withEventfds([one, other], [0, 1]), { capabilities: { max_msg_fds: 1 } })
    const reply = await talk.client.ask(ask.ioFds(1, 96))
    assert.equal(reply.payload.byteLength, 16)
    assert.deepEqual(reply.fds, [])
  })
  it('it can be asked twice', async () => {
    using eventfd = new EventFd()
    await using talk = await greet(withEventfds([eventfd], [0]))
    assert.equal((await talk.client.payload(ask.ioFds(1, 56))).byteLength, 56)
    assert.equal((await talk.client.payload(ask.ioFds(1, 56))).byteLength, 56)
  })
})

describe('DEVICE_GET_IRQ_INFO', () => {
  it('an index that there is not is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.irqInfo(5)), EINVAL)
  })
  it('an argsz that is too small is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.irqInfo(0, 15)), EINVAL)
  })
  it('a short payload is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno({ command: 7, payload: packed(u32(16), u32(0)) }), EINVAL)
  })
  it('each kind has its count and its flags', async () => {
    await using talk = await greet(new RecordingDevice())
    const seen: number[][] = []
    for (let index = 0; index < 5; index++) {
      const view = await talk.client.payload(ask.irqInfo(index, 32))
      assert.deepEqual([view.byteLength, view.getUint32(0, true), view.getUint32(8, true)], [16, 16, index])
      seen.push([view.getUint32(4, true), view.getUint32(12, true)])
    }
    assert.deepEqual(seen, [
      [7, 1],
      [0, 0],
      [1, 20],
      [1, 1],
      [1, 1],
    ])
  })
})
