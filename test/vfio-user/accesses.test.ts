import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { QuiesceError } from '../../src/errors/quiesce-error.js'
import { packed, type Raw, raw, u32, u64 } from '../unit/vfio-user/messages/wire.js'
import { memoryRegion, RecordingDevice } from './recording-device.js'
import { ask, errnoOf, greet } from './wire-client.js'

const { EINVAL, EPERM } = errnoOf

const refused: Readonly<Record<string, Raw>> = {
  'a read without a payload': { command: 9, payload: [] },
  'a read with a short payload': { command: 9, payload: packed(u64(0), u32(7)) },
  'a read beyond the end': ask.read(7, 256n, 4),
  'a read across the end': ask.read(7, 254n, 4),
  'a read whose offset and count leave 64 bits': ask.read(7, (1n << 64n) - 1n, 256),
  'a read of more than a message may carry': ask.read(0, 0n, (1 << 20) + 8),
  'a read of a region that is not there': ask.read(3, 0n, 4),
  'a read of an index beyond the regions': ask.read(9, 0n, 4),
  'a write with a short payload': { command: 10, payload: packed(u64(0), u32(7)) },
  'a write with fewer bytes than it says': ask.write(0, 0n, [1, 2], 4),
  'a write with more bytes than it says': ask.write(0, 0n, [1, 2, 3, 4, 5], 4),
  'a write beyond the end': ask.write(0, 4096n, [1]),
  'a write across the end': ask.write(0, 4094n, [1, 2, 3, 4]),
  'a write to a region that is not there': ask.write(5, 0n, [1]),
}

type One = readonly [region: number, offset: bigint, count: number, data: bigint]
const multi = (writes: readonly One[], count = writes.length): Raw => ({
  command: 15,
  payload: [
    ...packed(u64(count)),
    ...writes.flatMap(([region, offset, bytes, data]) => packed(u64(offset), u32(region), u32(bytes), u64(data))),
  ],
})

describe('REGION_READ and REGION_WRITE', () => {
  for (const [name, message] of Object.entries(refused)) {
    it(`${name} is refused`, async () => {
      await using talk = await greet(new RecordingDevice())
      assert.equal(await talk.client.errno(message), EINVAL)
    })
  }
  it('what is written is read, at every width', async () => {
    await using talk = await greet(new RecordingDevice())
    for (const count of [1, 2, 3, 4, 8, 256, 4096]) {
      const data = Array.from({ length: count }, (_, each) => (each * 7 + count) & 0xff)
      const written = await talk.client.payload(ask.write(0, 0n, data))
      assert.deepEqual([written.byteLength, written.getUint32(8, true), written.getUint32(12, true)], [16, 0, count])
      const read = await talk.client.payload(ask.read(0, 0n, count))
      assert.deepEqual([...new Uint8Array(read.buffer, read.byteOffset + 16)], data)
    }
  })
  it('all of config space is read at once', async () => {
    await using talk = await greet(new RecordingDevice())
    const view = await talk.client.payload(ask.read(7, 0n, 256))
    assert.equal(view.byteLength, 16 + 256)
    assert.equal(view.getUint32(16, true), 0x11e8_1234)
  })
  it('a count of 0 does nothing, and is no error', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(ask.read(0, 0n, 0)), 0)
    assert.equal(await talk.client.errno(ask.write(0, 0n, [])), 0)
  })
  it('what is larger than one read from the socket arrives whole', async () => {
    const region = memoryRegion(1 << 20)
    await using talk = await greet(new RecordingDevice({ 2: region }))
    const data = Uint8Array.from({ length: 1 << 20 }, (_, each) => (each * 31) & 0xff)
    const message = raw({ id: 9, command: 10, payload: packed(u64(0), u32(2), u32(1 << 20)), size: 32 + (1 << 20) })
    let at = 0
    const whole = new Uint8Array(32 + data.byteLength)
    whole.set(message)
    whole.set(data, 32)
    while (at < whole.byteLength) {
      const part = whole.subarray(at)
      talk.client.socket.sendBuffer.set(part)
      const sent = talk.client.socket.send(0, part.byteLength)
      if (sent.kind === 'sent') at += sent.bytes
      else await setTimeout(1)
    }
    assert.equal((await talk.client.receive())?.id, 9)
    assert.deepEqual(region.bytes, data)
    const back = await talk.client.ask(ask.read(2, 0n, 1 << 20))
    assert.deepEqual(back.payload.subarray(16), data)
  })
  it('a region that cannot be written, or read, says so', async () => {
    const rom = memoryRegion(2048, { writable: false })
    const doorbell = memoryRegion(4096, { readable: false })
    await using talk = await greet(new RecordingDevice({ 6: rom, 1: doorbell }))
    assert.equal(await talk.client.errno(ask.write(6, 0n, [1])), EPERM)
    assert.equal(await talk.client.errno(ask.read(1, 0n, 1)), EPERM)
    assert.equal(await talk.client.errno(ask.read(6, 0n, 1)), 0)
    assert.equal(await talk.client.errno(ask.write(1, 0n, [1])), 0)
  })
  it('what the device throws is the errno of the answer', async () => {
    const region = memoryRegion(16, {
      read: () => {
        throw new QuiesceError('REGION_ACCESS', 'no', { errno: 14 })
      },
      write: () => Promise.reject(new QuiesceError('UNSUPPORTED', 'never')),
    })
    await using talk = await greet(new RecordingDevice({ 1: region }))
    assert.equal(await talk.client.errno(ask.read(1, 0n, 1)), 14)
    assert.equal(await talk.client.errno(ask.write(1, 0n, [1])), errnoOf.ENOTSUP)
  })
  it('a posted write has no answer, not even of an error', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    talk.client.send(raw({ id: 1, flags: 0x10, ...ask.write(0, 0n, [42]) }))
    talk.client.send(raw({ id: 2, flags: 0x10, ...ask.write(0, 1n << 40n, [42]) }))
    talk.client.send(raw({ id: 3, flags: 0x10, command: 10, payload: [1] }))
    const view = await talk.client.payload(ask.read(0, 0n, 1))
    assert.equal(view.getUint8(16), 42)
    assert.equal(talk.events.filter(({ kind }) => kind === 'refused').length, 2)
  })
  it('pipelined requests are answered in order', async () => {
    await using talk = await greet(new RecordingDevice())
    for (let id = 0; id < 100; id++) talk.client.send(raw({ id, ...ask.write(0, 0n, [id]) }))
    talk.client.send(raw({ id: 100, ...ask.read(0, 0n, 1) }))
    for (let id = 0; id < 100; id++) assert.equal((await talk.client.receive())?.id, id)
    assert.equal((await talk.client.receive())?.payload[16], 99)
  })
  it('what comes after an access that takes its time waits for it', async () => {
    let finish = (): void => {}
    const slow = memoryRegion(16, {
      write: () =>
        new Promise<void>((resolve) => {
          finish = resolve
        }),
    })
    await using talk = await greet(new RecordingDevice({ 1: slow }))
    talk.client.send(raw({ id: 1, ...ask.write(1, 0n, [1]) }))
    talk.client.send(raw({ id: 2, ...ask.read(7, 0n, 4) }))
    talk.client.send(raw({ id: 3, ...ask.read(7, 0n, 4) }))
    await setTimeout(20)
    assert.equal(talk.client.socket.receive().kind, 'nothing')
    finish()
    for (const id of [1, 2, 3]) assert.equal((await talk.client.receive())?.id, id)
  })
})

describe('REGION_WRITE_MULTI', () => {
  it('every write is done, in order, and counted', async () => {
    const region = memoryRegion(64)
    await using talk = await greet(new RecordingDevice({ 1: region }))
    const view = await talk.client.payload(
      multi([
        [1, 0n, 4, 0x4433_2211n],
        [1, 1n, 1, 0xffn],
        [1, 8n, 8, 0x0102_0304_0506_0708n],
      ]),
    )
    assert.equal(view.getBigUint64(0, true), 3n)
    assert.deepEqual([...region.bytes.subarray(0, 4)], [0x11, 0xff, 0x33, 0x44])
    assert.deepEqual([...region.bytes.subarray(8, 16)], [8, 7, 6, 5, 4, 3, 2, 1])
  })
  it('it ends at the first that is refused, and says how many were done', async () => {
    const region = memoryRegion(64)
    await using talk = await greet(new RecordingDevice({ 1: region }))
    const view = await talk.client.payload(
      multi([
        [1, 0n, 1, 1n],
        [1, 64n, 1, 1n],
        [1, 1n, 1, 1n],
      ]),
    )
    assert.equal(view.getBigUint64(0, true), 1n)
    assert.equal(region.bytes[1], 0)
  })
  it('thousands of writes in one message leave others their turn', async () => {
    let writes = 0
    let before: number | undefined
    const write = (): void => {
      if (writes++ > 0) return
      setImmediate(() => {
        before = writes
      })
    }
    await using talk = await greet(new RecordingDevice({ 1: memoryRegion(64, { write }) }))
    const view = await talk.client.payload(multi(Array.from({ length: 2000 }, () => [1, 0n, 1, 1n] as const)))
    assert.equal(view.getBigUint64(0, true), 2000n)
    assert.ok(before !== undefined && before < 1000, `after ${before} of ${writes}`)
  })
  it('where the first is refused, so is the request', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(multi([[3, 0n, 1, 1n]])), EINVAL)
  })
  it('a count that is not the number of writes is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(multi([[0, 0n, 1, 1n]], 2)), EINVAL)
  })
  it('a write of more than eight bytes is refused', async () => {
    await using talk = await greet(new RecordingDevice())
    assert.equal(await talk.client.errno(multi([[0, 0n, 9, 1n]])), EINVAL)
  })
  it('it is refused where it was not agreed on', async () => {
    await using talk = await greet(new RecordingDevice(), { capabilities: { write_multiple: false } })
    assert.equal(await talk.client.errno(multi([[0, 0n, 1, 1n]])), EINVAL)
  })
})

describe('DEVICE_RESET', () => {
  it('resets the device', async () => {
    const device = new RecordingDevice()
    await using talk = await greet(device)
    assert.equal(await talk.client.errno(ask.reset), 0)
    assert.deepEqual(device.log, ['reset'])
  })
  it('a reset that fails is refused with its errno, and told', async () => {
    const device = new RecordingDevice()
    device.resetOutcome = { ok: false, errno: 'ETIMEDOUT', message: 'it did not come back' }
    await using talk = await greet(device)
    assert.equal(await talk.client.errno(ask.reset), 110)
    assert.ok(talk.events.some((event) => event.kind === 'reset' && !event.ok))
  })
  it('what follows a reset waits for it', async () => {
    const device = new RecordingDevice()
    device.resetOutcome = setTimeout(30, { ok: true } as const)
    await using talk = await greet(device)
    talk.client.send(raw({ id: 1, ...ask.reset }))
    talk.client.send(raw({ id: 2, ...ask.deviceInfo() }))
    assert.equal((await talk.client.receive())?.id, 1)
    assert.equal((await talk.client.receive())?.id, 2)
  })
  it('a device that cannot be reset refuses', async () => {
    const device = Object.assign(new RecordingDevice(), { canReset: false })
    await using talk = await greet(device)
    assert.equal(await talk.client.errno(ask.reset), EINVAL)
    assert.deepEqual(device.log, [])
  })
})
