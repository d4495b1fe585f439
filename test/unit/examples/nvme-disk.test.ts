import assert from 'node:assert/strict'
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { BlockStore } from '../../../examples/nvme/block-store.js'
import { ioOpcode, status } from '../../../examples/nvme/entries.js'
import { punchHole } from '../../../src/linux/punch-hole.js'
import { enable, until } from '../kit/fake-client.js'
import { place } from './nvme-driver.js'
import { diskSize, nvmeFixture } from './nvme-fixture.js'

const { read, write, writeZeroes, datasetManagement } = ioOpcode
const data = BigInt(place.data)
const pages = (first: number, count: number): bigint[] =>
  Array.from({ length: count }, (_, i) => data + BigInt((first + i) * 0x1000))

/** Whether the file system of the file has holes at all. */
async function hasHoles(path: string): Promise<boolean> {
  const file = await open(path, 'r+')
  try {
    return await punchHole(file.fd, 0, 512)
  } finally {
    await file.close()
  }
}

describe('the NVMe disk, as a disk', () => {
  it('orders pages as the list does', async (t) => {
    const { driver, memory, path } = await nvmeFixture(t)
    await driver.start()
    await driver.createPair(1)
    const order = [3, 0, 2, 1]
    order.forEach((page, i) => {
      memory.fill(i + 1, place.data + page * 0x1000, place.data + (page + 1) * 0x1000)
    })
    const view = new DataView(memory.buffer)
    order.slice(1).forEach((page, i) => {
      view.setBigUint64(place.list + 8 * i, data + BigInt(page * 0x1000), true)
    })
    await driver.command(1, {
      opcode: write,
      namespaceId: 1,
      prp1: data + 0x3000n,
      prp2: BigInt(place.list),
      dword12: 31,
    })
    const file = await readFile(path)
    assert.deepEqual(
      [0, 1, 2, 3].map((page) => file[page * 0x1000]),
      [1, 2, 3, 4],
    )
  })

  it('zeroes, and refuses to deallocate what lies outside', async (t) => {
    const { driver, memory, path } = await nvmeFixture(t)
    await driver.start()
    await driver.createPair(1)
    memory.fill(5, place.data, place.data + 0x1000)
    await driver.command(1, { opcode: write, namespaceId: 1, prp1: data, dword12: 7 | (1 << 30) })
    const zeroed = await driver.command(1, { opcode: writeZeroes, namespaceId: 1, dword10: 1, dword12: 1 })
    assert.equal(zeroed.status, 0)
    const file = await readFile(path)
    assert.deepEqual([file[511], file[512], file[1535], file[1536]], [5, 0, 0, 5])
    const view = new DataView(memory.buffer)
    view.setUint32(place.data + 4, 8, true)
    view.setBigUint64(place.data + 8, 0n, true)
    const hint = { opcode: datasetManagement, namespaceId: 1, prp1: data, dword11: 4 }
    assert.equal((await driver.command(1, hint)).status, 0)
    view.setBigUint64(place.data + 8, BigInt(diskSize), true)
    assert.equal((await driver.command(1, hint)).status, status.lbaOutOfRange)
  })

  for (const how of ['Dataset Management', 'Write Zeroes that deallocates'] as const) {
    it(`gives blocks back by ${how}, and reads zeros there`, async (t) => {
      const { driver, memory, path } = await nvmeFixture(t)
      const view = new DataView(memory.buffer)
      await driver.start()
      await driver.createPair(1)
      await writeFile(path, Buffer.alloc(diskSize, 5), { flag: 'r+' })
      // Two ranges that are no whole blocks of a file system, and one of nothing.
      const ranges = [
        [7, 1001],
        [5000, 0],
        [2048, 4097],
      ] as const
      const full = (await stat(path)).blocks
      if (how === 'Dataset Management') {
        ranges.forEach(([start, blocks], i) => {
          view.setUint32(place.data + 16 * i + 4, blocks, true)
          view.setBigUint64(place.data + 16 * i + 8, BigInt(start), true)
        })
        const command = { opcode: datasetManagement, namespaceId: 1, prp1: data, dword10: 2, dword11: 4 }
        assert.equal((await driver.command(1, command)).status, 0)
      } else {
        for (const [start, blocks] of ranges.filter((range) => range[1] > 0)) {
          const command = { opcode: writeZeroes, namespaceId: 1, dword10: start, dword12: (1 << 25) | (blocks - 1) }
          assert.equal((await driver.command(1, command)).status, 0)
        }
      }
      const file = await readFile(path)
      const expected = Buffer.alloc(diskSize, 5)
      for (const [start, blocks] of ranges) expected.fill(0, start * 512, (start + blocks) * 512)
      assert.ok(file.equals(expected))
      const freed = full - (await stat(path)).blocks
      assert.ok(freed > 4096 || !(await hasHoles(path)), `${freed} blocks were given back`)
    })
  }

  it('deallocates nothing where one of the ranges lies outside', async (t) => {
    const { driver, memory, path } = await nvmeFixture(t)
    const view = new DataView(memory.buffer)
    await driver.start()
    await driver.createPair(1)
    await writeFile(path, Buffer.alloc(diskSize, 5), { flag: 'r+' })
    for (const [i, start] of [0n, BigInt(diskSize / 512) - 7n].entries()) {
      view.setUint32(place.data + 16 * i + 4, 8, true)
      view.setBigUint64(place.data + 16 * i + 8, start, true)
    }
    const command = { opcode: datasetManagement, namespaceId: 1, prp1: data, dword10: 1, dword11: 4 }
    assert.equal((await driver.command(1, command)).status, status.lbaOutOfRange)
    assert.ok((await readFile(path)).every((byte) => byte === 5))
  })

  it('zeroes where the file cannot have holes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quiesce-store-'))
    const path = join(folder, 'disk')
    await writeFile(path, Buffer.alloc(8192, 5))
    await using store = await BlockStore.open(path, () => Promise.resolve(false))
    await store.discard(512n, 1024n, new AbortController().signal)
    const file = await readFile(path)
    assert.deepEqual([file[511], file[512], file[1535], file[1536]], [5, 0, 0, 5])
    await rm(folder, { recursive: true })
  })

  it('with its write cache off answers a write once it is on the medium', async (t) => {
    const { driver, store } = await nvmeFixture(t)
    await driver.start()
    await driver.createPair(1)
    let flushes = 0
    const original = store.flush.bind(store)
    t.mock.method(store, 'flush', () => {
      flushes++
      return original()
    })
    const one = { opcode: write, namespaceId: 1, prp1: data }
    assert.equal((await driver.command(1, one)).status, 0)
    assert.equal(flushes, 0)
    assert.equal((await driver.command(0, { opcode: 9, dword10: 6, dword11: 0 })).status, 0)
    assert.equal((await driver.command(1, one)).status, 0)
    assert.equal(flushes, 1)
  })

  it('refuses what lies outside of it, is too long, or has no such pages', async (t) => {
    const { driver } = await nvmeFixture(t)
    await driver.start()
    await driver.createPair(1)
    const last = diskSize / 512
    const io = async (values: Parameters<typeof driver.submit>[1]) =>
      (await driver.command(1, { opcode: read, namespaceId: 1, prp1: data, ...values })).status
    assert.equal(await io({ dword10: last - 1 }), 0)
    assert.equal(await io({ dword10: last }), status.lbaOutOfRange)
    assert.equal(await io({ dword10: last - 1, dword12: 1 }), status.lbaOutOfRange)
    assert.equal(await io({ dword10: 0xffff_ffff, dword11: 0xffff_ffff, dword12: 0xffff }), status.lbaOutOfRange)
    assert.equal(await io({ dword12: 1024 }), status.invalidField)
    assert.equal(await io({ namespaceId: 2 }), status.invalidNamespace)
    assert.equal(await io({ prp1: data + 1n }), status.invalidPrpOffset)
    assert.equal(await io({ dword12: 15, prp2: data + 8n }), status.invalidPrpOffset)
    assert.equal(await io({ dword12: 23, prp2: data + 4n }), status.invalidPrpOffset)
    assert.equal(await io({ prp1: 0x1_0000_0000n }), status.dataTransferError)
    assert.equal(await io({ dword12: 23, prp2: 0x1_0000_0000n }), status.dataTransferError)
    assert.equal(await io({ opcode: write, prp1: 0xffff_ffff_ffff_f000n }), status.dataTransferError)
    assert.equal(await io({ opcode: 0x55 }), status.invalidOpcode)
  })

  it('answers many commands at once, each once, through a completion queue that fills up', async (t) => {
    const { driver, client } = await nvmeFixture(t)
    await driver.start()
    // 40 places for commands and 8 for answers.
    const { submission } = driver.newQueue(1, 64)
    driver.newQueue(2, 8)
    const cq = { opcode: 5, prp1: BigInt(place.queues + 0x5000), dword10: 0x0007_0002, dword11: 0x0001_0003 }
    assert.equal((await driver.command(0, cq)).status, 0)
    const sq = { opcode: 1, prp1: BigInt(submission), dword10: 0x003f_0001, dword11: 0x0002_0001 }
    assert.equal((await driver.command(0, sq)).status, 0)
    const commands = Array.from({ length: 40 }, (_, i) =>
      driver.submit(1, { opcode: read, namespaceId: 1, prp1: data, dword10: i }, false),
    )
    driver.ring(1)
    let taken = 0
    await until('the queue is full', () => {
      taken += driver.take(2)
      return taken === 7
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(driver.take(2), 0, 'a full queue is one short of its size')
    driver.acknowledge(2)
    for (const command of commands) assert.equal((await driver.answer(2, command)).status, 0)
    assert.ok(client.signals.includes('msix 1'))
  })

  for (const how of ['a controller reset', 'a reset of the function', 'the end of the client'] as const) {
    it(`writes nothing to memory after ${how}`, async (t) => {
      const { device, driver, memory } = await nvmeFixture(t)
      await driver.start()
      await driver.createPair(1, 64)
      memory.fill(0xaa, place.data)
      for (let i = 0; i < 40; i++) {
        const prp2 = data + BigInt(0x1000 * (i + 1))
        driver.submit(1, { opcode: read, namespaceId: 1, prp1: prp2 - 0x1000n, prp2, dword12: 15 }, false)
      }
      driver.ring(1)
      await new Promise((resolve) => setImmediate(resolve))
      if (how === 'a controller reset') await driver.stop()
      else if (how === 'a reset of the function') await device.reset()
      else await device.disconnect()
      const seen = memory.slice()
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.deepEqual(memory, seen)
      enable(device)
      if (how !== 'the end of the client') await driver.start()
    })
  }

  it('is not ready before what an earlier user left under way is in the file', async (t) => {
    const { driver, store } = await nvmeFixture(t)
    let isWritten = false
    const earlier = store.zero(0n, diskSize, new AbortController().signal).then(() => {
      isWritten = true
    })
    await driver.start()
    assert.ok(isWritten)
    await earlier
  })

  it('what a user wrote before a reset never overtakes what the next one writes', async (t) => {
    const { device, driver, memory, path } = await nvmeFixture(t)
    const block = { opcode: write, namespaceId: 1, dword12: 1023, prp2: BigInt(place.list) }
    const view = new DataView(memory.buffer)
    pages(1, 127).forEach((page, i) => {
      view.setBigUint64(place.list + 8 * i, page, true)
    })
    for (let round = 1; round <= 5; round++) {
      await driver.start()
      await driver.createPair(1, 64)
      memory.fill(0x80 + round, place.data, place.data + 0x8_0000 - 0x4_0000)
      for (let i = 0; i < 16; i++) driver.submit(1, { ...block, prp1: data, dword10: 0 }, false)
      driver.ring(1)
      await new Promise((resolve) => setImmediate(resolve))
      await device.reset()
      enable(device)
      await driver.start()
      await driver.createPair(1)
      memory.fill(round, place.data, place.data + 0x1000)
      assert.equal((await driver.command(1, { ...block, prp1: data, dword10: 0, dword12: 7 })).status, 0)
      assert.deepEqual((await readFile(path)).subarray(0, 0x1000), Buffer.alloc(0x1000, round))
      await device.reset()
      enable(device)
    }
  })
})
