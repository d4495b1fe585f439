import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AssignedDeviceOptions } from '../../../src/device/assigned-device.js'
import type { RegionArea } from '../../../src/function/region.js'
import { enableBar0, mappable, openModel } from './device-fixture.js'
import { page, RecordingDmaSpace } from './recording-dma-space.js'
import { ChangingMemory, RecordingVmm } from './recording-vmm.js'

const bar = 0xe000_0000
const ram = { guestAddress: 0n, size: 16n * page, access: 'read-write', backing: { fd: 3, offset: 0n } } as const

interface PeerOptions extends AssignedDeviceOptions {
  readonly space?: RecordingDmaSpace
  readonly refuseShare?: boolean
}

/** Devices of one guest whose BAR 0 can be mapped and shared, all with one log. */
function guest() {
  const log: string[] = []
  const memory = new ChangingMemory([ram])
  const vmm = new RecordingVmm(log, memory)
  let fds = 40
  const open = (
    model: string,
    { space = new RecordingDmaSpace({ log }), refuseShare, ...options }: PeerOptions = {},
  ) => {
    const share = ({ offset, size }: RegionArea) => {
      if (refuseShare === true) throw new Error('the kernel has no dma-bufs')
      const fd = fds++
      log.push(`share ${fd} 0x${offset.toString(16)} 0x${size.toString(16)}`)
      return { fd, [Symbol.dispose]: () => void log.push(`unshare ${fd}`) }
    }
    const opened = openModel(model, {
      policy: { peerToPeer: true },
      ...options,
      vmm,
      override: (fn) => ({
        dma: space,
        regions: [mappable(fn.regions[0], [{ offset: 0n, size: 0x2000n }], share), ...fn.regions.slice(1)],
      }),
    })
    log.length = 0
    return { ...opened, space }
  }
  return { log, memory, vmm, open }
}

describe('peer to peer', () => {
  it('maps a BAR for the other devices while it is in the guest, and takes it back before it leaves', () => {
    const { log, open } = guest()
    const { device, space: own } = open('flr')
    const { device: other, space } = open('af-flr')
    enableBar0(device, bar)
    assert.deepEqual(log.slice(-3), [
      'trap memory 0xe0002000 0x2000',
      'share 40 0x0 0x2000',
      'map 0xe0000000 0x2000 read-write',
    ])
    assert.equal(own.held.size, 1, 'not for itself')
    assert.equal(space.pages().get(0xe000_1000n), 'dmabuf 40 0x1000 read-write')
    assert.deepEqual(other.inspect().memory.peers, [{ address: '0xe0000000', size: '0x2000', access: 'read-write' }])
    log.length = 0
    device.writeConfig(0x04, 2, 0)
    assert.deepEqual(log.slice(0, 3), ['unmap 0xe0000000 0x2000', 'unshare 40', 'untrap memory 0xe0002000 0x2000'])
    assert.equal(space.held.size, 1)
  })

  it('follows a BAR that the guest moves', () => {
    const { open } = guest()
    const { device } = open('flr')
    const { space } = open('af-flr')
    enableBar0(device, bar)
    device.writeConfig(0x10, 4, 0xd000_0000)
    assert.deepEqual(
      [...space.held].map(({ iova }) => iova),
      [0n, 0xd000_0000n],
    )
  })

  it('is there for a device that comes later, and ends with a reset and with the device', async () => {
    const { open, log } = guest()
    const { device } = open('flr')
    enableBar0(device, bar)
    const { space } = open('af-flr')
    assert.equal(space.held.size, 2)
    await device.reset()
    assert.equal(space.held.size, 1)
    enableBar0(device, bar)
    assert.equal(space.held.size, 2)
    await device.close()
    assert.equal(space.held.size, 1)
    assert.equal(log.filter((line) => line.startsWith('unshare')).length, 2)
  })

  it('is off by default, and for who does not take part', () => {
    const { open } = guest()
    const { device: silent } = open('flr', { policy: {} })
    const { device: taking } = open('no-reset')
    const { space } = open('af-flr')
    const { space: without } = open('pm-reset', { policy: {} })
    enableBar0(silent, bar)
    assert.equal(space.held.size, 1)
    enableBar0(taking, bar)
    assert.deepEqual([space.held.size, without.held.size], [2, 1])
  })

  it('maps it once where devices share an address space, and not for its owner alone', async () => {
    const { open } = guest()
    const shared = new RecordingDmaSpace()
    const { device } = open('flr', { space: shared })
    enableBar0(device, bar)
    assert.equal(shared.held.size, 1)
    const { device: other } = open('af-flr', { space: shared })
    assert.equal(shared.held.size, 2)
    await other.close()
    assert.equal(shared.held.size, 1)
    await device.close()
    assert.equal(shared.held.size, 0)
  })

  it('says so where it does not work, and the device works without', () => {
    const { open } = guest()
    const { device, events, vmm } = open('flr')
    const { space } = open('af-flr')
    space.refuse = (line) => line.startsWith('map 0xe0000000')
    enableBar0(device, bar)
    assert.deepEqual(
      events.map((event) => (event.kind === 'bar-not-shared' ? [event.bar, event.address] : event.kind)),
      [[0, BigInt(bar)]],
    )
    assert.equal(vmm.maps.size, 1)
    const refusing = open('no-reset', { refuseShare: true })
    enableBar0(refusing.device, 0xd000_0000)
    assert.match(
      JSON.stringify(refusing.events, (_, each) => (typeof each === 'bigint' ? `${each}` : each)),
      /no dma-bufs/,
    )
  })

  it('makes way for memory, wherever the guest places the BAR', () => {
    const { open, memory } = guest()
    const { device, events } = open('flr')
    const { space, device: other } = open('af-flr')
    enableBar0(device, 0x8000)
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['bar-not-shared'],
    )
    enableBar0(device, bar)
    memory.change([ram, { ...ram, guestAddress: BigInt(bar) + page, size: page, backing: { fd: 9, offset: 0n } }])
    assert.equal(other.isUsable, true)
    assert.equal(space.pages().get(BigInt(bar) + page), 'fd 9 0x0 read-write')
    memory.change([ram])
    assert.equal(space.pages().get(BigInt(bar) + page), 'dmabuf 41 0x1000 read-write')
  })
})
