import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { streamIdentity, streamRegister } from '../../../src/sim/models/stream-device.js'
import { customFunction, enableBar0, mappable, openModel, openOn } from './device-fixture.js'

const at = 0xe000_0000
const page = 0x1000n

function size(
  read: (offset: number) => number,
  write: (offset: number, value: number) => void,
  offset: number,
): number {
  const before = read(offset)
  write(offset, 0xffff_ffff)
  const mask = read(offset)
  write(offset, before)
  return mask
}

describe('BAR registers of an assigned device', () => {
  it('size as their regions do, flags included', () => {
    const { device } = openModel('flr')
    const read = (offset: number) => device.readConfig(offset, 4)
    const write = (offset: number, value: number) => device.writeConfig(offset, 4, value)
    assert.equal(size(read, write, 0x10), 0xffff_c00c, '64-bit, prefetchable, 16 KiB')
    assert.equal(size(read, write, 0x14), 0xffff_ffff)
    assert.equal(size(read, write, 0x18), 0xffff_ffc1, 'I/O, 64 ports')
    for (const offset of [0x1c, 0x20, 0x24, 0x30]) assert.equal(size(read, write, offset), 0, 'not implemented')
  })

  it('begin without an address, and show what the guest writes, byte by byte', () => {
    const { device } = openModel('no-reset')
    assert.equal(device.readConfig(0x10, 4), 0)
    device.writeConfig(0x13, 1, 0xe0)
    device.writeConfig(0x11, 2, 0x3456)
    assert.equal(device.readConfig(0x10, 4), 0xe034_5000)
  })

  it('never reach the hardware', () => {
    const { device, fn } = openModel('no-reset')
    const before = fn.hardware.config.read(0x10, 4)
    device.writeConfig(0x10, 4, at)
    assert.equal(fn.hardware.config.read(0x10, 4), before)
  })

  it('show where they are pinned, and size all the same', () => {
    const { device, vmm } = openModel('no-reset', { policy: { pinnedBars: { 0: 0xd000_0000n } } })
    assert.equal(device.readConfig(0x10, 4), 0xd000_0000)
    device.writeConfig(0x10, 4, 0xffff_ffff)
    assert.equal(device.readConfig(0x10, 4), 0xffff_f000)
    device.writeConfig(0x10, 4, at)
    assert.equal(device.readConfig(0x10, 4), 0xd000_0000)
    device.writeConfig(0x04, 2, 2)
    assert.equal(vmm.read32(0xd000_0000n), streamIdentity)
  })

  it("can be pinned at the host's own address", () => {
    const { device } = openModel('flr', { policy: { pinnedBars: { 0: 'host' } } })
    assert.equal(device.readConfig(0x10, 4), 0xfe00_000c)
  })

  it('cannot be pinned where they do not fit', () => {
    for (const pinnedBars of [{ 0: 0xd000_0800n }, { 0: 0n }, { 5: 0xd000_0000n }]) {
      assert.throws(() => openModel('no-reset', { policy: { pinnedBars } }), { code: 'USAGE' })
    }
  })

  it('show an expansion ROM that the guest enables by its own bit', () => {
    const rom = new Uint8Array(0x600).map((_, i) => (i === 0 ? 0x55 : i === 1 ? 0xaa : i & 0xff))
    const override = (fn: ReturnType<typeof customFunction>) => ({
      regions: [
        ...fn.regions.slice(0, 6),
        {
          index: 6,
          size: 0x600n,
          readable: true,
          writable: false,
          mappable: [],
          file: undefined,
          share: undefined,
          read: (offset: bigint, into: Uint8Array) =>
            into.set(rom.subarray(Number(offset), Number(offset) + into.length)),
          write: () => assert.fail('a ROM is not written'),
        },
      ],
    })
    const { device, vmm } = openOn(customFunction({}), { override })
    device.writeConfig(0x30, 4, 0xffff_ffff)
    assert.equal(device.readConfig(0x30, 4), 0xffff_f801)
    device.writeConfig(0x30, 4, 0xc000_0000)
    device.writeConfig(0x04, 2, 2)
    assert.equal(vmm.read('memory', 0xc000_0000n, 2), undefined, 'not enabled')
    device.writeConfig(0x30, 1, 1)
    assert.deepEqual(vmm.read('memory', 0xc000_0000n, 2), Uint8Array.of(0x55, 0xaa))
    assert.ok(vmm.write('memory', 0xc000_0000n, Uint8Array.of(0)))
    assert.deepEqual(vmm.read('memory', 0xc000_0600n, 2), Uint8Array.of(0xff, 0xff), 'past the end of the image')
    const without = openOn(customFunction({}), { override, policy: { rom: false } })
    without.device.writeConfig(0x30, 4, 0xffff_ffff)
    assert.equal(without.device.readConfig(0x30, 4), 0)
  })
})

describe('BARs of an assigned device', () => {
  it('are in the guest only while it lets them decode', () => {
    const { device, vmm } = openModel('no-reset')
    device.writeConfig(0x10, 4, at)
    device.writeConfig(0x18, 4, 0x6000)
    assert.equal(vmm.traps.size, 0)
    device.writeConfig(0x04, 2, 2)
    assert.equal(vmm.read32(BigInt(at)), streamIdentity)
    assert.equal(vmm.read('port', 0x6000n, 4), undefined)
    device.writeConfig(0x04, 1, 1)
    assert.equal(vmm.read32(BigInt(at)), undefined)
    assert.deepEqual(vmm.read('port', 0x6000n, 4), Uint8Array.of(0x4d, 0x49, 0x53, 0x51))
    device.writeConfig(0x04, 2, 0)
    assert.equal(vmm.traps.size, 0)
  })

  it('reach the registers with every width, aligned or not', () => {
    const { device, vmm } = openModel('no-reset')
    enableBar0(device, at)
    const scratch = BigInt(at + streamRegister.scratch)
    vmm.write('memory', scratch, Uint8Array.of(1, 2, 3, 4))
    vmm.write('memory', scratch + 1n, Uint8Array.of(9, 8))
    assert.deepEqual(vmm.read('memory', scratch, 4), Uint8Array.of(1, 9, 8, 4))
    assert.deepEqual(vmm.read('memory', scratch + 1n, 3), Uint8Array.of(9, 8, 4))
  })

  it('decode in the hardware before the guest sees them, and leave the guest before it stops', () => {
    const { device, log } = openModel('no-reset')
    device.writeConfig(0x10, 4, at)
    device.writeConfig(0x04, 2, 6)
    device.writeConfig(0x04, 2, 4)
    assert.deepEqual(log, [
      'config 4/2 = 0x6',
      'trap memory 0xe0000000 0x1000',
      'untrap memory 0xe0000000 0x1000',
      'config 4/2 = 0x4',
    ])
  })

  it('move when the guest moves them, and no other moves with them', () => {
    const { device, log } = openModel('no-reset')
    device.writeConfig(0x18, 4, 0x6000)
    enableBar0(device, at, 3)
    log.length = 0
    device.writeConfig(0x10, 4, 0xd000_0000)
    assert.deepEqual(log, ['untrap memory 0xe0000000 0x1000', 'trap memory 0xd0000000 0x1000'])
    log.length = 0
    device.writeConfig(0x10, 4, 0xd000_0000)
    device.writeConfig(0x04, 2, 0x403)
    assert.deepEqual(log, ['config 4/2 = 0x403'])
  })

  it('are nowhere at address 0, and nowhere while they are being sized', () => {
    const { device, vmm } = openModel('no-reset')
    device.writeConfig(0x04, 2, 3)
    assert.equal(vmm.traps.size, 0)
    device.writeConfig(0x10, 4, 0xffff_ffff)
    device.writeConfig(0x18, 4, 0xffff_ffff)
    assert.equal(vmm.traps.size, 0)
  })

  it('map what may be mapped, and not the pages of the MSI-X table and pending bits', () => {
    const { device, log, vmm } = openModel('flr', {
      override: (fn) => ({
        regions: [mappable(fn.regions[0], [{ offset: 0n, size: 0x4000n }]), ...fn.regions.slice(1)],
      }),
    })
    enableBar0(device, at)
    assert.deepEqual(log, ['config 4/2 = 0x2', 'map 0xe0000000 from 7:0x0 0x2000', 'trap memory 0xe0002000 0x2000'])
    assert.equal(vmm.read32(BigInt(at) + 0x200cn), 1, 'the table is emulated')
    assert.deepEqual(device.inspect().bars[0]?.pieces, [
      { how: 'mapped', offset: '0x0', size: '0x2000' },
      { how: 'trapped', offset: '0x2000', size: '0x2000' },
    ])
  })

  it('map sparse areas by whole pages and trap what lies between', () => {
    const { device, log } = openOn(
      customFunction({ bars: [{ index: 1, kind: 'memory32', size: 0x10000, address: 0xfe00_0000 }] }),
      {
        override: (fn) => ({
          regions: [
            undefined,
            mappable(fn.regions[1], [
              { offset: 0x8000n, size: 0x8000n },
              { offset: 0x1800n, size: 0x2000n },
              { offset: 0x5000n, size: 0x800n },
            ]),
          ],
        }),
      },
    )
    device.writeConfig(0x14, 4, at)
    device.writeConfig(0x04, 2, 2)
    assert.deepEqual(log.slice(1), [
      'trap memory 0xe0000000 0x2000',
      'map 0xe0002000 from 7:0x10000002000 0x1000',
      'trap memory 0xe0003000 0x5000',
      'map 0xe0008000 from 7:0x10000008000 0x8000',
    ])
  })

  it('are trapped where they are smaller than a page', () => {
    const { device, log } = openOn(
      customFunction({ bars: [{ index: 0, kind: 'memory32', size: 0x100, address: 0xfe00_0000 }] }),
      { override: (fn) => ({ regions: [mappable(fn.regions[0], [{ offset: 0n, size: 0x100n }])] }) },
    )
    enableBar0(device, at + 0x300)
    assert.deepEqual(log.slice(1), ['trap memory 0xe0000300 0x100'])
  })

  it('lie above 4 GiB where the guest puts them there', () => {
    const { device, vmm } = openModel('flr')
    device.writeConfig(0x14, 4, 0x12)
    enableBar0(device, at)
    assert.equal(vmm.read32(0x12_e000_0000n), streamIdentity)
  })

  it('are not placed where the VMM refuses, and nothing of them is left behind', () => {
    const { device, vmm, events } = openModel('flr', {
      override: (fn) => ({ regions: [mappable(fn.regions[0], [{ offset: 0n, size: page }]), ...fn.regions.slice(1)] }),
    })
    vmm.refuse = (line) => line.startsWith('trap memory 0xe0001000')
    enableBar0(device, at)
    assert.equal(vmm.maps.size + vmm.traps.size, 0)
    assert.equal(events[0]?.kind, 'bar-not-placed')
    vmm.refuse = () => false
    device.writeConfig(0x10, 4, 0xd000_0000)
    assert.equal(vmm.maps.size, 1)
  })

  it('stay out of the guest where the hardware does not take Memory Space Enable', () => {
    const { device, vmm, fn } = openModel('no-reset')
    fn.faults.set('config-write-dropped', true)
    enableBar0(device, at)
    assert.equal(vmm.traps.size, 0)
    assert.equal(device.readConfig(0x04, 2) & 2, 0)
  })

  it('read as all ones, with an event, when their access fails', () => {
    const { device, vmm, fn, events } = openModel('no-reset')
    enableBar0(device, at)
    // The kernel's view of Memory Space, behind the back of the device.
    fn.kernel.memoryEnabled = false
    assert.equal(vmm.read32(BigInt(at)), 0xffff_ffff)
    assert.equal(events[0]?.kind, 'region-access-failed')
  })

  it('go on decoding in the hardware while the guest sizes them, where the policy says so', () => {
    const { device, log, fn, vmm } = openModel('no-reset', { policy: { keepMemoryEnabled: true } })
    device.writeConfig(0x10, 4, at)
    assert.equal(fn.hardware.command & 2, 2, 'from the beginning')
    assert.equal(device.readConfig(0x04, 2), 0, 'and the guest does not see it')
    device.writeConfig(0x05, 1, 1)
    assert.equal(device.readConfig(0x04, 2), 0x100, 'nor after a write of the other byte')
    device.writeConfig(0x04, 2, 2)
    device.writeConfig(0x04, 2, 0)
    assert.equal(vmm.traps.size, 0)
    assert.equal(fn.hardware.command & 2, 2)
    assert.ok(!log.includes('config 4/2 = 0x0'))
  })
})
