import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deviceStatus } from '../../../src/kit/virtio/common-config.js'
import { needsEvent } from '../../../src/kit/virtio/split-virtqueue.js'
import { until } from './fake-client.js'
import { answer, increments, request } from './incrementing-device.js'
import { type Buffer, feature, layout, type VirtioDriver } from './virtio-driver.js'

describe('indirect descriptors', () => {
  const agreed = feature.version1 | feature.indirect
  const many = (count: number): Buffer[] => [
    ...Array.from({ length: count }, (_, i) => ({ address: request.address + BigInt(i % 16), length: 1 })),
    { address: answer.address, length: 0x1000, isWritable: true },
  ]

  for (const isShared of [true, false]) {
    it(`are read ${isShared ? 'in shared memory' : 'by messages'}, more of them than the queue has`, async () => {
      const { driver, memory } = increments(undefined, isShared)
      driver.start(agreed)
      memory.fill(6, layout.buffers, layout.buffers + 16)
      driver.offer(driver.table(many(100)))
      driver.notify()
      await until('it is answered', () => driver.used().length === 1)
      assert.deepEqual(driver.used(), [{ id: 0, length: 100 }])
      assert.deepEqual(
        [...memory.subarray(Number(answer.address), Number(answer.address) + 101)],
        [...new Array(100).fill(7), 0],
      )
    })
  }

  it('come behind ordinary ones, in tables that are longer than what is used of them', async () => {
    const { driver, memory } = increments()
    driver.start(agreed)
    memory.set([1, 2, 3, 4], layout.buffers)
    driver.describe(0, { addr: request.address, len: 2, flags: 1, next: 1 })
    driver.describe(1, { addr: BigInt(layout.tables), len: 0x1000, flags: 4 | 2, next: 0 })
    driver.describe(0, { addr: request.address + 2n, len: 2, flags: 1, next: 200 }, layout.tables)
    driver.describe(200, { addr: answer.address, len: 16, flags: 2, next: 0 }, layout.tables)
    driver.offer(0)
    driver.notify()
    await until('it is answered', () => driver.used().length === 1)
    assert.deepEqual([...memory.subarray(layout.buffers + 0x100, layout.buffers + 0x105)], [2, 3, 4, 5, 0])
  })

  const table = BigInt(layout.tables)
  const nonsense: [name: string, spoil: (driver: VirtioDriver) => void][] = [
    ['a table of no descriptor', (driver) => driver.describe(0, { addr: table, len: 0, flags: 4, next: 0 })],
    ['half a descriptor', (driver) => driver.describe(0, { addr: table, len: 24, flags: 4, next: 0 })],
    ['a chain that goes on behind it', (driver) => driver.describe(0, { addr: table, len: 16, flags: 5, next: 1 })],
    ['a table outside of memory', (driver) => driver.describe(0, { addr: 1n << 40n, len: 16, flags: 4, next: 0 })],
    [
      'a table within a table',
      (driver) => driver.describe(0, { addr: table + 0x100n, len: 16, flags: 4, next: 0 }, layout.tables),
    ],
    [
      'the queue itself as a table of its own',
      (driver) => driver.describe(0, { addr: 0n, len: 128, flags: 4, next: 0 }),
    ],
    ['a circle', (driver) => driver.describe(0, { addr: request.address, len: 1, flags: 1, next: 0 }, layout.tables)],
    [
      'a descriptor beyond the table',
      (driver) => driver.describe(0, { addr: request.address, len: 1, flags: 1, next: 1 }, layout.tables),
    ],
    [
      'more than 4 GiB',
      (driver) => {
        driver.describe(0, { addr: table, len: 48, flags: 4, next: 0 })
        for (const i of [0, 1]) {
          driver.describe(i, { addr: answer.address, len: 0xffff_ffff, flags: 3, next: i + 1 }, layout.tables)
        }
        driver.describe(2, { addr: answer.address, len: 1, flags: 2, next: 0 }, layout.tables)
      },
    ],
  ]
  for (const [name, spoil] of nonsense) {
    it(`${name} breaks the device`, async () => {
      const { driver } = increments()
      driver.start(agreed)
      driver.offer(driver.table([answer]))
      spoil(driver)
      driver.notify()
      await until('it says so', () => (driver.get('device_status') & deviceStatus.needsReset) !== 0)
      assert.equal(driver.used().length, 0)
    })
  }
})

describe('event indexes', () => {
  const agreed = feature.version1 | feature.eventIndex

  it('an interrupt comes where the driver asked for it, and nowhere else', async () => {
    const { client, driver } = increments()
    driver.start(agreed)
    driver.setUsedEvent(1)
    // Bit 0 of the flags means nothing now.
    driver.suppressInterrupts()
    for (let i = 0; i < 3; i++) driver.offer(driver.chain([answer]))
    driver.notify()
    await until('they are answered', () => driver.used().length === 3)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(client.signals, ['msix 1'])
  })

  it('the device asks to be told of the next buffer once it has seen all, and not before', async () => {
    const { driver } = increments()
    driver.start(agreed)
    for (let i = 0; i < 3; i++) driver.offer(driver.chain([answer]))
    driver.notify()
    await until('they are answered', () => driver.used().length === 3 && driver.availableEvent === 3)
  })

  it('is told of by the index that both sides have passed, around the end of 16 bits too', () => {
    assert.ok(needsEvent(5, 6, 5))
    assert.ok(!needsEvent(6, 6, 5))
    assert.ok(!needsEvent(4, 6, 5))
    assert.ok(needsEvent(0xffff, 0, 0xffff))
    assert.ok(needsEvent(0xffff, 3, 0xfffe))
    assert.ok(!needsEvent(3, 3, 0xfffe))
    assert.ok(needsEvent(2, 3, 0xfffe))
  })
})
