// The entropy device is carried from one server to another under its driver, whose memory both of them are given.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { entropyDevice } from '../../../examples/virtio/entropy.js'
import { CommonConfig, type CommonField, deviceStatus, virtioBar } from '../../../src/kit/virtio/common-config.js'
import { Descriptor } from '../../../src/kit/virtio/descriptor-chain.js'
import { SharedMemory } from '../../../src/linux/shared-memory.js'
import { type MigrationState, migrationStates } from '../../../src/vfio-user/server/migration-states.js'
import { servedBusFunction } from '../../../src/vfio-user/server/served-bus-function.js'
import { ask, greet, type Talk } from '../../vfio-user/wire-client.js'
import { packed, u32, u64 } from '../vfio-user/messages/wire.js'

const queueSize = 64
const place = { descriptors: 0, available: 0x1000, used: 0x2000, buffers: 0x10000 } as const
const memorySize = 0x8_0000n
const get = 0x1_0000
const set = 0x2_0000
const feature = { state: 2, start: 6, report: 8 } as const

/** Fills with a number that is another one each time, so that an answer that was given twice shows. */
function numbering(from: number) {
  let next = from
  return entropyDevice((bytes) => new Uint8Array(bytes).fill(next++))
}

async function serve(memory: SharedMemory, from: number): Promise<Talk> {
  const talk = await greet(servedBusFunction('rng', numbering(from)), {
    capabilities: { migration: { pgsize: 4096 } },
  })
  assert.equal(await talk.client.errno(ask.map(0n, memorySize), [memory.fd]), 0)
  return talk
}

async function register(talk: Talk, field: CommonField, value: number): Promise<void> {
  const width = { u8: 1, u16: 2, u32: 4, u64: 8, s32: 4 }[CommonConfig.fields[field]]
  const data = Array.from({ length: width }, (_, i) => (value >>> (8 * i)) & 0xff)
  assert.equal(await talk.client.errno(ask.write(virtioBar.index, BigInt(CommonConfig.offsets[field]), data)), 0)
}

async function start(talk: Talk): Promise<void> {
  assert.equal(await talk.client.errno(ask.write(7, 4n, [6, 0])), 0)
  const { acknowledge, driver, featuresOk, driverOk } = deviceStatus
  await register(talk, 'device_status', acknowledge | driver)
  await register(talk, 'guest_feature', 1 << 29)
  await register(talk, 'guest_feature_select', 1)
  await register(talk, 'guest_feature', 1)
  await register(talk, 'device_status', featuresOk)
  await register(talk, 'queue_desc_lo', place.descriptors)
  await register(talk, 'queue_avail_lo', place.available)
  await register(talk, 'queue_used_lo', place.used)
  await register(talk, 'queue_enable', 1)
  await register(talk, 'device_status', driverOk)
}

/** Makes buffer number `index` available; each has a page of its own. */
function offer(memory: SharedMemory, index: number): void {
  const view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset)
  const id = index % queueSize
  const values = { addr: BigInt(place.buffers + id * 0x1000), len: 8, flags: 2, next: 0 }
  Descriptor.encode(values, memory.bytes, place.descriptors + id * Descriptor.size)
  view.setUint16(place.available + 4 + 2 * id, id, true)
  view.setUint16(place.available + 2, index + 1, true)
}

const notify = (talk: Talk) => talk.client.errno(ask.write(virtioBar.index, BigInt(virtioBar.notify), [0, 0]))

const usedIndex = (memory: SharedMemory) =>
  new DataView(memory.bytes.buffer, memory.bytes.byteOffset).getUint16(place.used + 2, true)

async function untilUsed(memory: SharedMemory, count: number): Promise<void> {
  for (let turns = 0; usedIndex(memory) !== count; turns++) {
    assert.ok(turns < 20_000, `${usedIndex(memory)} of ${count} were given back`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const enter = (talk: Talk, state: MigrationState) =>
  talk.client.errno(ask.feature(set | feature.state, packed(u32(migrationStates[state]), u32(0))))

async function readState(talk: Talk): Promise<number[]> {
  const state: number[] = []
  for (;;) {
    const { payload } = await talk.client.ask(ask.migrationRead(1000))
    const part = payload.subarray(8)
    state.push(...part)
    if (part.length < 1000) return state
  }
}

async function writeState(talk: Talk, state: readonly number[]): Promise<void> {
  assert.equal(await enter(talk, 'resuming'), 0)
  for (let at = 0; at < state.length; at += 700) {
    assert.equal(await talk.client.errno(ask.migrationWrite(state.slice(at, at + 700))), 0)
  }
}

describe('the entropy device, from one server to another', () => {
  it('goes on in the same queue, without a loss and without anything twice', async () => {
    using memory = new SharedMemory(memorySize)
    await using from = await serve(memory, 1)
    await start(from)
    for (let i = 0; i < 40; i++) offer(memory, i)
    await notify(from)
    await untilUsed(memory, 40)
    await enter(from, 'preCopy')
    // These are offered to the one while it still runs, and to nobody once it is stopped.
    for (let i = 40; i < 50; i++) offer(memory, i)
    await notify(from)
    assert.equal(await enter(from, 'stopCopy'), 0)
    const stoppedAt = usedIndex(memory)
    for (let i = 50; i < 60; i++) offer(memory, i)
    const state = await readState(from)
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(usedIndex(memory), stoppedAt, 'nothing is touched any more')

    await using to = await serve(memory, 101)
    await writeState(to, state)
    assert.equal(await enter(to, 'running'), 0)
    await untilUsed(memory, 60)
    // Around the end of the queue, with everything set up by the first one's driver only.
    for (let i = 60; i < 100; i++) offer(memory, i)
    await notify(to)
    await untilUsed(memory, 100)
    const filled = Array.from({ length: queueSize }, (_, id) => memory.bytes[place.buffers + id * 0x1000] ?? 0)
    assert.equal(new Set(filled).size, queueSize, 'each buffer was filled by an answer of its own')
    // Buffers 36 to 63 were offered once, the others a second time, to the second server.
    const before = filled.slice(100 - queueSize, stoppedAt)
    assert.deepEqual(
      before,
      before.map((_, i) => 100 - queueSize + i + 1),
    )
    const after = [...filled.slice(stoppedAt), ...filled.slice(0, 100 - queueSize)]
    assert.deepEqual(
      after,
      after.map((_, i) => 101 + i),
    )
  })

  it('says which pages it wrote, and writes none once it is stopped', async () => {
    using memory = new SharedMemory(memorySize)
    await using talk = await serve(memory, 1)
    await start(talk)
    const log = packed(u64(4096), u32(0), u32(0))
    assert.equal(await talk.client.errno(ask.feature(set | feature.start, log)), 0)
    offer(memory, 0)
    offer(memory, 1)
    await notify(talk)
    await untilUsed(memory, 2)
    const report = async () => {
      const request = ask.feature(get | feature.report, packed(u64(0), u64(memorySize), u64(4096)), 8 + 24 + 16)
      const view = await talk.client.payload(request)
      return view.getBigUint64(32, true)
    }
    const used = 1n << BigInt(place.used / 4096)
    const buffers = 3n << BigInt(place.buffers / 4096)
    assert.equal(await report(), used | buffers)
    assert.equal(await enter(talk, 'stop'), 0)
    offer(memory, 2)
    await notify(talk)
    await new Promise((resolve) => setTimeout(resolve, 10))
    assert.equal(await report(), 0n)
    assert.equal(await enter(talk, 'running'), 0)
    await untilUsed(memory, 3)
    assert.equal(await report(), used | (4n << BigInt(place.buffers / 4096)))
  })

  it('refuses a state that is none, and is well after a reset', async () => {
    using memory = new SharedMemory(memorySize)
    await using talk = await serve(memory, 1)
    await start(talk)
    assert.equal(await enter(talk, 'stopCopy'), 0)
    const state = await readState(talk)
    await writeState(talk, state.with(40, (state[40] ?? 0) ^ 1))
    assert.equal(await enter(talk, 'running'), 22)
    assert.equal(await talk.client.errno(ask.reset), 0)
    await start(talk)
    offer(memory, 0)
    await notify(talk)
    await untilUsed(memory, 1)
  })
})
