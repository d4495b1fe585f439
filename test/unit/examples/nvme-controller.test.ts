import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { ioOpcode, status } from '../../../examples/nvme/entries.js'
import { limits } from '../../../examples/nvme/limits.js'
import { nvmeRegister, nvmeStatus } from '../../../src/sim/models/nvme-controller.js'
import { enabled, place } from './nvme-driver.js'
import { diskSize, nvmeFixture } from './nvme-fixture.js'

const { read, write, flush } = ioOpcode
const data = BigInt(place.data)
const pages = (first: number, count: number): bigint[] =>
  Array.from({ length: count }, (_, i) => data + BigInt((first + i) * 0x1000))

describe('the NVMe disk, as a controller', () => {
  it('says what it is', async (t) => {
    const { driver, memory } = await nvmeFixture(t)
    await driver.start()
    const answer = await driver.command(0, { opcode: 0x06, prp1: data, dword10: 1 })
    assert.deepEqual(answer, { status: 0, result: 0 })
    const text = (at: number, length: number) =>
      Buffer.from(memory.subarray(place.data + at, place.data + at + length))
        .toString('latin1')
        .trim()
    assert.equal(text(4, 20), 'TEST0001')
    assert.equal(text(24, 40), 'Quiesce example disk')
    assert.equal(memory[place.data + 77], limits.transferShift)
  })

  it('says what its namespace is, and that there is one', async (t) => {
    const { driver, memory } = await nvmeFixture(t)
    const view = new DataView(memory.buffer)
    await driver.start()
    assert.equal((await driver.command(0, { opcode: 6, namespaceId: 1, prp1: data, dword10: 0 })).status, 0)
    assert.equal(view.getBigUint64(place.data, true), BigInt(diskSize / limits.blockSize))
    assert.equal(memory[place.data + 130], 9)
    assert.equal((await driver.command(0, { opcode: 6, prp1: data, dword10: 2 })).status, 0)
    assert.deepEqual([view.getUint32(place.data, true), view.getUint32(place.data + 4, true)], [1, 0])
    assert.equal((await driver.command(0, { opcode: 6, namespaceId: 1, prp1: data, dword10: 3 })).status, 0)
    assert.deepEqual([memory[place.data], memory[place.data + 1]], [2, 16])
    assert.equal((await driver.command(0, { opcode: 6, namespaceId: 2, prp1: data })).status, status.invalidNamespace)
    assert.equal((await driver.command(0, { opcode: 6, prp1: data, dword10: 0x99 })).status, status.invalidField)
  })

  it('has logs of errors, health and firmware, and no other', async (t) => {
    const { driver, memory } = await nvmeFixture(t)
    await driver.start()
    const log = (page: number, dwords = 128, offset = 0) =>
      driver.command(0, { opcode: 2, prp1: data, dword10: ((dwords - 1) << 16) | page, dword12: offset })
    assert.equal((await log(1)).status, 0)
    assert.equal((await log(2)).status, 0)
    assert.equal(memory[place.data + 3], 100)
    assert.equal((await log(3, 1, 8)).status, 0)
    assert.equal(String.fromCharCode(...memory.subarray(place.data, place.data + 3)), '1.0')
    assert.equal((await log(9)).status, status.invalidLogPage)
    assert.equal((await log(2, 128, 2)).status, status.invalidField)
    assert.equal((await log(2, 128, 1024)).status, status.invalidField)
    const huge = await driver.command(0, { opcode: 2, prp1: data, dword10: 0xffff_0002, dword11: 0xffff })
    assert.equal(huge.status, status.invalidField)
  })

  it('negotiates the number of queues, before there are any', async (t) => {
    const { driver } = await nvmeFixture(t)
    await driver.start()
    const setQueues = (value: number) => driver.command(0, { opcode: 9, dword10: 7, dword11: value })
    assert.deepEqual(await setQueues(0x0003_0001), { status: 0, result: 0x0003_0001 })
    assert.deepEqual(await setQueues(0x00ff_00ff), { status: 0, result: 0x001f_001f })
    assert.equal((await setQueues(0xffff)).status, status.invalidField)
    assert.deepEqual(await driver.command(0, { opcode: 0x0a, dword10: 7 }), { status: 0, result: 0x001f_001f })
    await driver.createPair(1)
    assert.equal((await setQueues(1)).status, status.commandSequence)
  })

  it('keeps features until a reset, and saves none', async (t) => {
    const { driver } = await nvmeFixture(t)
    await driver.start()
    const get = async (dword10: number) => (await driver.command(0, { opcode: 0x0a, dword10 })).result
    assert.equal(await get(0x06), 1)
    await driver.command(0, { opcode: 9, dword10: 0x06, dword11: 0 })
    assert.equal(await get(0x06), 0)
    assert.equal(await get(0x106), 1, 'the default')
    assert.equal((await driver.command(0, { opcode: 9, dword10: 0x8000_0006 })).status, status.featureNotSaveable)
    assert.equal((await driver.command(0, { opcode: 0x0a, dword10: 0x77 })).status, status.invalidField)
    await driver.stop()
    await driver.start()
    assert.equal(await get(0x06), 1)
  })

  it('refuses queues that make no sense', async (t) => {
    const { driver } = await nvmeFixture(t)
    await driver.start()
    const cq = (dword10: number, dword11 = 3, prp1 = data) => driver.command(0, { opcode: 5, dword10, dword11, prp1 })
    const sq = (dword10: number, dword11: number) => driver.command(0, { opcode: 1, dword10, dword11, prp1: data })
    assert.equal((await cq(0x000f_0000)).status, status.invalidQueueId)
    assert.equal((await cq(0x000f_0021)).status, status.invalidQueueId, 'beyond those that were granted')
    assert.equal((await cq(0x0000_0001)).status, status.invalidQueueSize)
    assert.equal((await cq(0x0400_0001)).status, status.invalidQueueSize)
    assert.equal((await cq(0x000f_0001, 2)).status, status.invalidField, 'not contiguous')
    assert.equal((await cq(0x000f_0001, 3, data + 8n)).status, status.invalidPrpOffset)
    assert.equal((await cq(0x000f_0001, (99 << 16) | 3)).status, status.invalidInterruptVector)
    assert.equal((await sq(0x000f_0001, 0x0001_0001)).status, status.completionQueueInvalid)
    assert.equal((await sq(0x000f_0001, 0x0000_0001)).status, status.invalidQueueId)
    await driver.createPair(1)
    assert.equal((await cq(0x000f_0001)).status, status.invalidQueueId, 'it is there')
  })

  it('deletes queues, submissions first', async (t) => {
    const { driver } = await nvmeFixture(t)
    await driver.start()
    await driver.createPair(1)
    const remove = async (opcode: number, dword10: number) => (await driver.command(0, { opcode, dword10 })).status
    assert.equal(await remove(4, 1), status.invalidQueueDeletion)
    assert.equal(await remove(0, 0), status.invalidQueueId)
    assert.equal(await remove(0, 5), status.invalidQueueId)
    assert.equal(await remove(0, 1), 0)
    assert.equal(await remove(4, 1), 0)
    assert.equal(await remove(4, 1), status.invalidQueueId)
    await driver.createPair(1)
    assert.equal((await driver.command(1, { opcode: flush, namespaceId: 1 })).status, 0)
  })

  it('refuses commands that it does not have, and what it did not offer', async (t) => {
    const { driver } = await nvmeFixture(t)
    await driver.start()
    assert.equal((await driver.command(0, { opcode: 0x80 })).status, status.invalidOpcode)
    assert.equal((await driver.command(0, { opcode: 6, flags: 0x40, prp1: data })).status, status.invalidField)
    assert.deepEqual(await driver.command(0, { opcode: 8, dword10: 1 }), { status: 0, result: 1 }, 'nothing is aborted')
  })

  it('tells of wrong doorbells by an asynchronous event, and keeps so many requests for them', async (t) => {
    const { driver } = await nvmeFixture(t)
    await driver.start()
    const requests = Array.from({ length: limits.asyncEvents }, () => driver.submit(0, { opcode: 0x0c }))
    assert.equal((await driver.command(0, { opcode: 0x0c })).status, status.asyncEventLimit)
    driver.set(nvmeRegister.adminSubmissionDoorbell + 8 * 9, 1)
    driver.set(nvmeRegister.adminSubmissionDoorbell, 99)
    assert.equal((await driver.answer(0, requests[0] ?? 0)).result, 0x01_0000)
    assert.equal((await driver.answer(0, requests[1] ?? 0)).result, 0x01_0100)
  })

  it('does not start with queues or pages that it cannot use', async (t) => {
    const { driver } = await nvmeFixture(t)
    for (const configuration of [enabled | (1 << 7), enabled | (1 << 4), enabled]) {
      driver.set(nvmeRegister.configuration, configuration)
      assert.equal(driver.get(nvmeRegister.status) & 3, nvmeStatus.fatal, 'no sizes of the admin queue were given')
      await driver.stop()
    }
    await driver.start()
  })

  it('ends in a fatal status where its queues are out of reach', async (t) => {
    const { driver, client } = await nvmeFixture(t)
    await driver.start()
    client.memory.unmap(0n)
    driver.submit(0, { opcode: 6 })
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(driver.get(nvmeRegister.status) & nvmeStatus.fatal, nvmeStatus.fatal)
    client.memory.map(0n, 0x10_0000)
    await driver.stop()
    assert.equal(driver.get(nvmeRegister.status), 0)
  })

  it('shuts down', async (t) => {
    const { driver } = await nvmeFixture(t)
    await driver.start()
    driver.set(nvmeRegister.configuration, enabled | (1 << 14))
    while ((driver.get(nvmeRegister.status) & 0xc) !== nvmeStatus.shutdownComplete) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  })

  it('by INTx keeps the line high until every answer was taken, and masks', async (t) => {
    const { device, driver, client } = await nvmeFixture(t)
    device.writeConfig(0x42, 2, 0)
    await driver.start()
    driver.set(nvmeRegister.interruptMaskSet, 1)
    driver.submit(0, { opcode: 6, prp1: data, dword10: 1 })
    while (driver.take(0) === 0) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(client.signals, [])
    driver.set(nvmeRegister.interruptMaskClear, 1)
    assert.deepEqual(client.signals, ['intx 0'])
    driver.acknowledge(0)
    device.interruptsChanged()
    assert.deepEqual(client.signals, ['intx 0'])
  })
})

for (const isShared of [true, false]) {
  describe(`the NVMe disk, ${isShared ? 'in shared memory' : 'by messages'}`, () => {
    it('writes and reads back, whatever the pages are', async (t) => {
      const { driver, memory, path, client } = await nvmeFixture(t, isShared)
      const view = new DataView(memory.buffer)
      await driver.start()
      await driver.createPair(1)
      const io = (opcode: number, block: number, blocks: number, prp1: bigint, prp2 = 0n) =>
        driver.command(1, { opcode, namespaceId: 1, prp1, prp2, dword10: block, dword12: blocks - 1 })
      const list = (at: number, entries: readonly bigint[]): bigint => {
        entries.forEach((entry, i) => {
          view.setBigUint64(at + 8 * i, entry, true)
        })
        return BigInt(at)
      }
      // One page, in its middle; two pages; a list; a list that goes on in another page; the most there is.
      const cases: [blocks: number, prp1: bigint, prp2: bigint][] = [
        [2, data + 0x200n, 0n],
        [16, data, data + 0x5000n],
        [24, data, list(place.list, [data + 0x3000n, data + 0x1000n])],
        [40, data, list(place.list + 0xff0, [data + 0x2000n, BigInt(place.list) + 0x2000n])],
        [1024, data, list(place.list, pages(1, 127))],
      ]
      list(place.list + 0x2000, pages(4, 4))
      for (const [blocks, prp1, prp2] of cases) {
        const bytes = randomBytes(0x10_0000 - place.list)
        memory.set(randomBytes(place.list - place.data), place.data)
        const before = memory.slice(place.data, place.list)
        assert.deepEqual(await io(write, 8, blocks, prp1, prp2), { status: 0, result: 0 }, `${blocks} blocks`)
        memory.set(bytes.subarray(0, place.list - place.data), place.data)
        const read1 = await io(read, 8, blocks, prp1, prp2)
        assert.equal(read1.status, 0)
        const file = (await readFile(path)).subarray(8 * 512, (8 + blocks) * 512)
        const length = Math.min(file.length, 0x200)
        const start = Number(prp1) - place.data
        assert.deepEqual(file.subarray(0, length), Buffer.from(before.subarray(start, start + length)))
        assert.deepEqual(
          memory.subarray(Number(prp1), Number(prp1) + length),
          Uint8Array.from(file.subarray(0, length)),
        )
      }
      assert.equal((await io(flush, 0, 1, 0n)).status, 0)
      assert.equal(client.memory.messages > 0, !isShared)
    })
  })
}
