import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import { describe, it } from 'node:test'
import { msix } from '../../../src/kit/capabilities.js'
import type { DeviceSession } from '../../../src/kit/device-session.js'
import { PciDevice, type PciDeviceDeclaration } from '../../../src/kit/pci-device.js'
import { FileBytes } from '../../../src/linux/file-bytes.js'
import { SharedMemory } from '../../../src/linux/shared-memory.js'
import { servedBusFunction } from '../../../src/vfio-user/server/served-bus-function.js'
import { openDescriptors } from '../../vfio-user/open-descriptors.js'
import { ask, greet } from '../../vfio-user/wire-client.js'
import { enable, FakeClient } from './fake-client.js'

type Memory = NonNullable<PciDeviceDeclaration['memory']>[number]

/** A device with memory in BAR 2, whose accesses to its model are counted. */
function withMemory(memory: Partial<Memory> = {}) {
  const sessions: DeviceSession[] = []
  const accesses: number[] = []
  const device = new PciDevice({
    config: {
      vendorId: 0x1234,
      deviceId: 1,
      revision: 0,
      classCode: 0xff0000,
      interruptPin: 0,
      bars: [{ index: 2, kind: 'memory64', size: 0x4000, address: 0 }],
      capabilities: [msix({ vectors: 2, bar: 2, table: 0x3000, pending: 0x3800 })],
      size: 256,
    },
    memory: [{ bar: 2, size: 0x3000, allocate: (size) => new SharedMemory(size), ...memory }],
    model: (session) => {
      sessions.push(session)
      return {
        read: (_bar, offset) => BigInt(accesses.push(offset)),
        write: (_bar, offset) => void accesses.push(offset),
      }
    },
  })
  const bytes = () => {
    const found = sessions.at(-1)?.barMemory(2)
    assert.ok(found)
    return found
  }
  return { device, sessions, accesses, bytes }
}

describe('a BAR that is memory', () => {
  it('is the same to accesses by messages and to the device, and never reaches the model', () => {
    const { device, accesses, bytes } = withMemory()
    using _ = device
    device.connect(new FakeClient())
    device.writeBar(2, 0, 4, 1n)
    assert.equal(device.readBar(2, 0, 4), 0xffff_ffffn, 'no decoding yet')
    enable(device)
    device.writeBar(2, 8, 8, 0x1122_3344_5566_7788n)
    device.writeBar(2, 0x2fff, 1, 9n)
    assert.deepEqual(
      [...bytes().subarray(0, 16)],
      [0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11],
    )
    assert.equal(bytes().length, 0x3000)
    assert.equal(device.readBar(2, 10, 2), 0x5566n)
    assert.equal(device.readBar(2, 0x300c, 4), 1n, 'the MSI-X table behind it')
    assert.deepEqual(accesses, [])
    device.readBar(2, 0x3ff0, 4)
    assert.deepEqual(accesses, [0x3ff0])
  })

  it('is cleared by a reset, in place, and not the hands of an earlier session', async () => {
    const { device, sessions, bytes } = withMemory()
    using _ = device
    const { file } = device.mappable(2) ?? {}
    bytes().fill(7)
    await device.reset()
    assert.ok(bytes().every((byte) => byte === 0))
    assert.equal(sessions[0]?.barMemory(2), undefined)
    assert.deepEqual(device.mappable(2)?.file, file)
  })

  it('is another one for the next client, whatever the last one kept', async () => {
    const { device, bytes } = withMemory()
    using _ = device
    const kept = new FileBytes(device.mappable(2)?.file.fd ?? -1, 0n, 0x3000n, 'read-write')
    kept.view(0n, 4).fill(1)
    assert.equal(bytes()[0], 1)
    await device.disconnect()
    kept.view(0n, 4).fill(2)
    assert.equal(bytes()[0], 0)
    kept[Symbol.dispose]()
  })

  it('is kept over resets and clients where it says so', async () => {
    const { device, bytes } = withMemory({ onReset: 'kept' })
    using _ = device
    bytes()[5] = 7
    await device.reset()
    assert.equal(bytes()[5], 7)
    await device.disconnect()
    assert.equal(bytes()[5], 7)
  })

  it('lies inside its BAR by whole pages, and not over the MSI-X table', () => {
    for (const wrong of [{ size: 0x800 }, { offset: 0x10 }, { offset: 0x4000 }, { bar: 0 }, { offset: -4096 }]) {
      assert.throws(() => withMemory(wrong), { code: 'USAGE' }, JSON.stringify(wrong))
    }
    const before = openDescriptors()
    assert.throws(() => withMemory({ size: 0x4000 }), { code: 'USAGE', message: /MSI-X/ })
    assert.equal(openDescriptors(), before)
  })

  it('is offered to a client with its file, and what is behind it is not', async () => {
    const { device, bytes } = withMemory({ offset: 0x1000, size: 0x2000 })
    using _ = device
    await using talk = await greet(servedBusFunction('memory', device))
    const { payload, fds } = await talk.client.ask(ask.regionInfo(2, 256))
    const view = new DataView(payload.buffer, payload.byteOffset)
    assert.equal(view.getUint32(4, true) & 0x7, 0x7, 'read, write, mmap')
    const [fd = -1] = fds
    const mapped = new FileBytes(fd, view.getBigUint64(24, true), 0x3000n, 'read-write')
    mapped.view(0x1004n, 4).set([1, 2, 3, 4])
    assert.deepEqual([...bytes().subarray(4, 8)], [1, 2, 3, 4])
    const capability = view.getUint32(12, true)
    assert.deepEqual(
      [view.getBigUint64(capability + 16, true), view.getBigUint64(capability + 24, true)],
      [0x1000n, 0x2000n],
      'one sparse area',
    )
    for (const each of fds) closeSync(each)
    mapped[Symbol.dispose]()
  })
})
