import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PciDevice } from '../../../src/kit/pci-device.js'
import { deviceStatus } from '../../../src/kit/virtio/common-config.js'
import { enable, until } from './fake-client.js'
import { answer, increments, request } from './incrementing-device.js'
import { layout, type VirtioDriver } from './virtio-driver.js'

describe('a virtio device', () => {
  it('offers its own features and VERSION_1, and has its configuration read', () => {
    const { device, driver } = increments()
    assert.equal(driver.get('device_feature'), 0x3000_0005, 'indirect descriptors and event indexes too')
    driver.set('device_feature_select', 1)
    assert.equal(driver.get('device_feature'), 1)
    driver.set('device_feature_select', 2)
    assert.equal(driver.get('device_feature'), 0)
    assert.equal(device.readBar(0, 0x2000, 4), 0x4433_2211n)
    assert.equal(device.readBar(0, 0x2002, 2), 0x4433n)
    assert.equal(driver.get('num_queues'), 1)
  })

  it('refuses features that it did not offer, and a legacy driver', () => {
    for (const features of [0n, (1n << 32n) | 0b10n]) {
      const { driver } = increments()
      driver.start(features)
      assert.equal(driver.get('device_status') & deviceStatus.featuresOk, 0)
    }
  })

  it('takes no vector that it does not have, nor a queue that is too large', () => {
    const { driver } = increments()
    driver.set('msix_config', 2)
    assert.equal(driver.get('msix_config'), 0xffff)
    for (const size of [0, 3, 16]) {
      driver.set('queue_size', size)
      assert.equal(driver.get('queue_size'), 8)
    }
    driver.set('queue_select', 1)
    assert.equal(driver.get('queue_size'), 0, 'there is no such queue')
  })

  for (const isShared of [true, false]) {
    it(`answers requests ${isShared ? 'in shared memory' : 'by messages'}`, async () => {
      const { client, driver, memory } = increments(undefined, isShared)
      driver.start()
      memory.set([1, 2, 3, 4], layout.buffers)
      driver.offer(driver.chain([request, answer]))
      driver.offer(
        driver.chain([{ ...request, length: 2 }, { ...request, address: request.address + 2n, length: 2 }, answer]),
      )
      driver.notify()
      await until('both are answered', () => driver.used().length === 2 && client.signals.length === 2)
      assert.deepEqual(driver.used(), [
        { id: 0, length: 4 },
        { id: 2, length: 4 },
      ])
      assert.deepEqual([...memory.subarray(layout.buffers + 0x100, layout.buffers + 0x105)], [2, 3, 4, 5, 0])
      assert.deepEqual(client.signals, ['msix 1', 'msix 1'])
      assert.equal(client.memory.messages > 0, !isShared)
    })
  }

  it('looks at buffers that were there before DRIVER_OK', async () => {
    const { driver } = increments()
    driver.offer(driver.chain([answer]))
    driver.start()
    await until('it is answered', () => driver.used().length === 1)
  })

  it('signals nothing where the driver wants nothing', async () => {
    const { client, driver } = increments()
    driver.start()
    driver.suppressInterrupts()
    driver.offer(driver.chain([answer]))
    driver.notify()
    await until('it is answered', () => driver.used().length === 1)
    assert.deepEqual(client.signals, [])
  })

  it('by INTx says why in the ISR, whose reading takes the line back', async () => {
    const { device, client, driver } = increments()
    device.writeConfig(0x42, 2, 0)
    driver.start()
    driver.offer(driver.chain([answer]))
    driver.notify()
    await until('it is signalled', () => client.signals.length === 1)
    assert.deepEqual(client.signals, ['intx 0'])
    assert.equal(device.readBar(0, 0x1000, 1), 1n)
    assert.equal(device.readBar(0, 0x1000, 1), 0n)
    device.interruptsChanged()
    assert.equal(client.signals.length, 1)
  })

  const nonsense: [name: string, (driver: VirtioDriver) => void][] = [
    ['a chain that is a circle', (driver) => driver.describe(0, { addr: answer.address, len: 4, flags: 3, next: 0 })],
    [
      'a descriptor beyond the queue',
      (driver) => driver.describe(0, { addr: answer.address, len: 4, flags: 3, next: 8 }),
    ],
    [
      'an indirect table, which was not agreed on',
      (driver) => driver.describe(0, { addr: 0n, len: 16, flags: 4, next: 0 }),
    ],
    [
      'a descriptor with a flag that there is not',
      (driver) => driver.describe(0, { addr: answer.address, len: 4, flags: 8, next: 0 }),
    ],
    ['a buffer outside of memory', (driver) => driver.describe(0, { addr: 0x10_0000n, len: 4, flags: 0, next: 0 })],
    [
      'a readable buffer behind a writable one',
      (driver) => {
        driver.describe(0, { addr: answer.address, len: 4, flags: 3, next: 1 })
        driver.describe(1, { addr: answer.address, len: 4, flags: 0, next: 0 })
      },
    ],
    ['more buffers than the queue holds', (driver) => driver.setAvailable(9)],
    ['an index that jumps', (driver) => driver.setAvailable(0xffff)],
  ]
  for (const [name, spoil] of nonsense) {
    it(`needs a reset after ${name}, and is well after it`, async () => {
      const { client, driver } = increments()
      driver.start()
      driver.offer(driver.chain([request]))
      spoil(driver)
      driver.notify()
      await until('it says so', () => (driver.get('device_status') & deviceStatus.needsReset) !== 0)
      assert.deepEqual(client.signals, ['msix 0'])
      assert.equal(driver.used().length, 0)
      driver.set('device_status', 0)
      await until('it is reset', () => driver.get('device_status') === 0)
    })
  }

  it('a device that throws needs a reset, and does not take the process along', async () => {
    const { driver } = increments(() => Promise.reject(new Error('broken')))
    driver.start()
    driver.offer(driver.chain([answer]))
    driver.notify()
    await until('it says so', () => (driver.get('device_status') & deviceStatus.needsReset) !== 0)
  })

  it('writes nothing after a reset by status 0, however late its answer comes', async () => {
    let release = (): void => {}
    const late = new Promise<void>((resolve) => {
      release = resolve
    })
    const { driver, memory } = increments(async (_queue, asked) => {
      await late
      return asked.write(new Uint8Array(4).fill(9))
    })
    driver.start()
    driver.offer(driver.chain([answer]))
    driver.notify()
    driver.set('device_status', 0)
    await until('it is reset', () => driver.get('device_status') === 0)
    release()
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(driver.used().length, 0)
    assert.equal(memory[layout.buffers + 0x100], 0)
  })

  it('reads status 0 only once the writes under way have been answered', async () => {
    let isWriting = false
    const { client, driver } = increments(async (_queue, asked) => {
      client.memory.hold()
      isWriting = true
      return asked.write(new Uint8Array(4).fill(9))
    }, false)
    driver.start()
    driver.offer(driver.chain([answer]))
    driver.notify()
    await until('it writes', () => isWriting)
    driver.set('device_status', 0)
    await new Promise((resolve) => setTimeout(resolve, 5))
    assert.notEqual(driver.get('device_status'), 0)
    client.memory.answer()
    await until('it is reset', () => driver.get('device_status') === 0)
  })

  it('works again after a reset', async () => {
    const { device, client, driver, memory } = increments()
    driver.start()
    await device.reset()
    enable(device)
    device.writeConfig(0x42, 2, 0x8000)
    assert.equal(driver.get('device_status'), 0)
    memory.fill(0)
    driver.start()
    driver.offer(driver.chain([answer]))
    driver.notify()
    await until('it is answered', () => driver.used().length === 1)
    assert.equal(client.signals.length, 1)
  })
})

describe("the window into a virtio device's BARs", () => {
  /** The last vendor-specific capability. */
  const at = { bar: 0x94, offset: 0x98, length: 0x9c, data: 0xa0 } as const
  const look = (device: PciDevice, bar: number, offset: number, length: number) => {
    device.writeConfig(at.bar, 1, bar)
    device.writeConfig(at.offset, 4, offset)
    device.writeConfig(at.length, 4, length)
  }

  it('is the capability of its kind', () => {
    const { device } = increments()
    assert.equal(device.readConfig(0x90, 1), 0x09)
    assert.equal(device.readConfig(0x92, 1), 20)
    assert.equal(device.readConfig(0x93, 1), 5)
  })
  it('reads and writes what lies there, without memory decoding', () => {
    const { device } = increments()
    device.writeConfig(0x04, 2, 0)
    look(device, 0, 20, 1)
    device.writeConfig(at.data, 4, deviceStatus.acknowledge)
    assert.equal(device.readConfig(at.data, 4) & 0xff, deviceStatus.acknowledge)
    look(device, 0, 0x2000, 4)
    assert.equal(device.readConfig(at.data, 4), 0x4433_2211)
    look(device, 0, 0x2002, 2)
    assert.equal(device.readConfig(at.data, 2), 0x4433)
    look(device, 1, 12, 4)
    assert.equal(device.readConfig(at.data, 4), 1, 'the MSI-X table')
    enable(device)
    assert.equal(device.readBar(0, 20, 1), BigInt(deviceStatus.acknowledge))
  })
  it('shows nothing where there is nothing, or by halves', () => {
    const { device } = increments()
    for (const [bar, offset, length] of [
      [0, 0x4000, 4],
      [0, 0x3ffe, 4],
      [0, 1, 2],
      [0, 0, 3],
      [0, 0, 8],
      [5, 0, 4],
      [255, 0, 4],
      [0, 0xffff_fffc, 4],
    ] as const) {
      look(device, bar, offset, length)
      device.writeConfig(at.data, 4, 0x1234_5678)
      assert.equal(device.readConfig(at.data, 4), 0x1234_5678)
    }
  })
  it('is closed by a reset', async () => {
    const { device } = increments()
    look(device, 0, 0x2000, 4)
    await device.reset()
    assert.equal(device.readConfig(at.length, 4), 0)
    assert.equal(device.readConfig(at.data, 4), 0)
  })
})

describe('a driver that offers without end', () => {
  it('does not keep everything else of the process waiting', async () => {
    let served = 0
    const { driver } = increments(async (_queue, asked) => {
      served++
      // As another processor would: by the time that this one is answered the next is there.
      driver.offer(0)
      return asked.write(new Uint8Array(1))
    })
    driver.start()
    driver.offer(driver.chain([answer]))
    driver.notify()
    await until('the event loop turns', () => served > 5000)
    driver.set('device_status', 0)
    await until('it is reset', () => driver.get('device_status') === 0)
    const before = served
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(served, before)
  })
})
