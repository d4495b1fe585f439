import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AssignedDevice } from '../../../src/device/assigned-device.js'
import type { GuestMemoryRange } from '../../../src/device/vmm.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { startStream } from '../../../src/sim/models/stream-device.js'
import { SimulatedMachine } from '../../../src/sim/simulated-machine.js'
import { enableBar0, openModel, openOn } from './device-fixture.js'
import { page, RecordingDmaSpace } from './recording-dma-space.js'
import { ChangingMemory, RecordingVmm } from './recording-vmm.js'

const bar = 0xe000_0000

function range(first: number, count: number, overrides: Partial<GuestMemoryRange> = {}): GuestMemoryRange {
  const guestAddress = BigInt(first) * page
  return {
    guestAddress,
    size: BigInt(count) * page,
    access: 'read-write',
    backing: { fd: 3, offset: guestAddress },
    ...overrides,
  }
}

function open(ranges: readonly GuestMemoryRange[], space = new RecordingDmaSpace()) {
  const memory = new ChangingMemory(ranges)
  const vmm = new RecordingVmm(space.log, memory)
  const opened = openModel('flr', { vmm, override: () => ({ dma: space }) })
  return { ...opened, memory, space }
}

/** A guest with real bytes, whose device is a simulated one. */
function simulated(model = 'flr', options: Parameters<typeof createSimulatedFunction>[1] = {}, pages = 4) {
  const fn = createSimulatedFunction(model, options)
  const ram = fn.dma.allocate(BigInt(pages) * page)
  const memory = new ChangingMemory([range(16, pages, { backing: { memory: ram, offset: 0n } })])
  return { fn, ram, memory }
}

describe('the memory of a guest', () => {
  it('is mapped before the device can be on the bus, and unmapped once it is off', async () => {
    const space = new RecordingDmaSpace()
    const vmm = new RecordingVmm(space.log, new ChangingMemory([range(0, 16), range(32, 1, { access: 'read' })]))
    const fn = createSimulatedFunction('flr')
    const { device } = openOn(fn, { vmm, override: () => ({ dma: space }) })
    assert.deepEqual(
      [...space.held].map(({ iova, size, access }) => [iova, size, access]),
      [
        [0n, 16n * page, 'read-write'],
        [32n * page, page, 'read'],
      ],
    )
    enableBar0(device, bar, 6)
    space.log.length = 0
    await device.close()
    assert.deepEqual(space.log, [
      'config 4/2 = 0x2',
      'untrap memory 0xe0000000 0x4000',
      'config 4/2 = 0x0',
      'unmap 0x0 0x10000',
      'unmap 0x20000 0x1000',
    ])
    assert.equal(vmm.memory.listeners.size, 0)
  })

  it('is what the device reads and writes', async () => {
    const { fn, ram, memory } = simulated()
    const device = AssignedDevice.open(fn, new RecordingVmm([], memory))
    enableBar0(device, bar, 6)
    startStream(fn, { iova: 17n * page, length: 64 })
    await fn.clock.sleep(5)
    assert.ok(ram.bytes.subarray(0x1000, 0x2000).some((byte) => byte !== 0))
    await device.close()
    assert.equal(fn.dma.mappings.length, 0)
  })

  it('follows its changes, and touches nothing that stays', () => {
    const { memory, space } = open([range(0, 4), range(8, 4)])
    space.log.length = 0
    memory.change([range(8, 4), range(16, 1), range(0, 4)])
    assert.deepEqual(space.log, ['map 0x10000 0x1000 read-write'])
    memory.change([range(8, 4), range(16, 1, { backing: { fd: 4, offset: 0n } })])
    assert.deepEqual(space.log.slice(1), ['unmap 0x0 0x4000', 'unmap 0x10000 0x1000', 'map 0x10000 0x1000 read-write'])
    memory.change([...memory.ranges])
    assert.equal(space.log.length, 4)
  })

  const refused = [
    { name: 'ranges that overlap', ranges: [range(0, 4), range(3, 4)], says: /0x0-0x3fff: it overlaps 0x3000-0x6fff/ },
    {
      name: 'an address within a page',
      ranges: [range(0, 1), range(4, 1, { guestAddress: 0x4200n })],
      says: /multiples of 4096/,
    },
    { name: 'half a page', ranges: [range(0, 1, { size: 0x800n })], says: /multiples of 4096/ },
    { name: 'nothing', ranges: [range(0, 0)], says: /multiples of 4096/ },
    {
      name: 'a backing within a page',
      ranges: [range(0, 1, { backing: { hostAddress: 0x7f00_0100n } })],
      says: /multiples of 4096/,
    },
    {
      name: 'a backing below its file',
      ranges: [range(1, 1, { backing: { fd: 3, offset: -page } })],
      says: /multiples of 4096/,
    },
    {
      name: 'what the IOMMU does not translate',
      ranges: [range(0, 1), range(0xfee00, 1)],
      says: /0xfee00000-0xfee00fff: the IOMMU translates 0x0-0xfedfffff, 0xfef00000-0x7fffffffff/,
    },
    { name: 'a range that reaches into a hole', ranges: [range(0xfe000, 0x2000)], says: /the IOMMU translates/ },
  ]
  for (const { name, ranges, says } of refused) {
    it(`is refused before anything is mapped: ${name}`, () => {
      const space = new RecordingDmaSpace()
      assert.throws(() => open(ranges, space), { code: 'DMA_CONFLICT', message: says })
      assert.ok(!space.log.some((line) => line.includes('map')))
    })
  }

  it('is refused where it is backed by what cannot be mapped', () => {
    const space = new RecordingDmaSpace({ backings: ['memory', 'hostAddress'] })
    assert.throws(() => open([range(0, 1)], space), {
      code: 'UNSUPPORTED',
      message: /backed by fd cannot be mapped here/,
    })
  })

  it('is unmapped again where a part of it cannot be mapped, and the function is still the caller’s', () => {
    const space = new RecordingDmaSpace()
    space.refuse = (line) => line.startsWith('map 0x8000')
    const fn = createSimulatedFunction('flr')
    const vmm = new RecordingVmm([], new ChangingMemory([range(0, 4), range(8, 4)]))
    assert.throws(() => openOn(fn, { vmm, override: () => ({ dma: space }) }), /refused/)
    assert.equal(space.held.size + vmm.openLines + vmm.memory.listeners.size, 0)
    assert.equal(fn.config.read(0, 2), 0xfffe)
    space.refuse = () => false
    openOn(fn, { vmm, override: () => ({ dma: space }) })
    assert.equal(space.held.size, 2)
  })

  it('is unmapped again where the device cannot be opened', () => {
    const { fn, memory } = simulated()
    fn.faults.set('config-write-error', true)
    assert.throws(() => AssignedDevice.open(fn, new RecordingVmm([], memory)), { code: 'CONFIG_ACCESS' })
    assert.equal(fn.dma.mappings.length, 0)
  })

  it('is joined where the IOMMU takes too few mappings, and taken apart again where it has to be', () => {
    const units = Array.from({ length: 6 }, (_, i) => range(i, 1))
    const { memory, space, device } = open(units, new RecordingDmaSpace({ limit: 4 }))
    assert.deepEqual(
      [...space.held].map(({ iova, size }) => [iova / page, size / page]),
      [
        [0n, 3n],
        [3n, 1n],
        [4n, 1n],
        [5n, 1n],
      ],
    )
    space.log.length = 0
    memory.change(units.slice(1))
    assert.deepEqual(space.log, ['unmap 0x0 0x3000', 'map 0x1000 0x2000 read-write'])
    memory.change([...units.slice(1, 2), ...units.slice(3)])
    assert.deepEqual(space.log.slice(2), ['unmap 0x1000 0x2000', 'map 0x1000 0x1000 read-write'])
    assert.equal(device.isUsable, true)
  })

  it('is refused where it takes more mappings than there are', () => {
    const units = [range(0, 1), range(2, 1), range(4, 1)]
    const space = new RecordingDmaSpace({ limit: 2 })
    assert.throws(() => open(units, space), { code: 'SYSTEM', message: /0x0-0x4fff: it takes 1 mappings? more/ })
    assert.equal(space.held.size, 0)
  })
})

describe('a device that does not reach all of the memory of its guest', () => {
  it('is kept quiet, and what was mapped before stays', () => {
    const { device, fn, memory, space, events, vmm } = open([range(0, 4), range(8, 1)])
    enableBar0(device, bar, 6)
    space.refuse = (line) => line.startsWith('map 0x20000')
    memory.change([range(0, 4), range(16, 1), range(32, 1)])
    assert.deepEqual(
      [...space.held].map(({ iova }) => iova),
      [0n],
      'what is gone is gone, what is new is not half there',
    )
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['memory-not-mapped', 'quarantined'],
    )
    assert.equal(device.isUsable, false)
    assert.equal(fn.hardware.busMaster, false)
    assert.equal(vmm.traps.size, 0)
    enableBar0(device, bar, 6)
    assert.equal(fn.hardware.busMaster, false)
    assert.match(device.inspect().memory.problem ?? '', /refused/)
    assert.match(device.inspect().quarantine ?? '', /guest's memory/)
  })

  it('is let in again by a reset that finds it in step', async () => {
    const { device, memory, space, events } = open([range(0, 4)])
    space.refuse = (line) => line.startsWith('map')
    memory.change([range(0, 4), range(16, 1)])
    await device.reset()
    assert.equal(device.isUsable, false, 'still not there')
    space.refuse = () => false
    assert.equal((await device.reset()).verdict, 'clean')
    assert.equal(device.isUsable, true)
    assert.equal(space.held.size, 2)
    assert.equal(device.inspect().memory.problem, null)
    assert.equal(events.filter(({ kind }) => kind === 'memory-not-mapped').length, 1)
  })

  it('says so where the announced memory makes no sense, and touches nothing', () => {
    const { device, memory, space } = open([range(0, 4)])
    space.log.length = 0
    memory.change([range(0, 4), range(2, 4)])
    assert.equal(device.isUsable, false)
    assert.deepEqual(
      space.log.filter((line) => /^(un)?map/.test(line)),
      [],
    )
  })

  it('is contained where it still reaches memory that is not the guest’s any more', async () => {
    const { device, fn, memory, space } = open([range(0, 4), range(8, 1)])
    space.refuse = (line) => line.startsWith('unmap 0x8000')
    memory.change([range(0, 4)])
    assert.equal(device.inspect().contained, true)
    assert.equal(fn.hardware.master.attachment.domain, undefined)
    await device.reset()
    assert.equal(device.isUsable, false)
    space.refuse = () => false
    await device.reset()
    assert.equal(device.isUsable, true)
    assert.equal(space.held.size, 1)
  })
})

describe('devices that share an address space', () => {
  function pair(containment: 'detach' | 'unmap-all' = 'detach') {
    const machine = new SimulatedMachine()
    const { fn, ram, memory } = simulated('flr', { machine, containment })
    const other = createSimulatedFunction('af-flr', { machine, shareDmaWith: fn, containment })
    const events: string[] = []
    const vmm = new RecordingVmm([], memory)
    const first = AssignedDevice.open(fn, vmm)
    const second = AssignedDevice.open(other, vmm, { onEvent: ({ kind }) => events.push(kind) })
    return { fn, other, ram, memory, first, second, events, vmm }
  }

  it('map the memory once, and keep it until the last has left', async () => {
    const { fn, other, first, second, memory } = pair()
    assert.equal(other.dma.mappings.length, 1)
    await first.close()
    assert.equal(other.dma.mappings.length, 1)
    memory.change([])
    assert.equal(other.dma.mappings.length, 0)
    await second.close()
    assert.equal(fn.ledger.of('misuse').length, 0)
    assert.equal(memory.listeners.size, 0)
  })

  it('must be of one guest', () => {
    const { fn, first } = pair()
    const third = createSimulatedFunction('no-reset', { machine: fn.machine, shareDmaWith: fn })
    assert.throws(() => AssignedDevice.open(third, new RecordingVmm([], new ChangingMemory())), {
      code: 'USAGE',
      message: /shares its address space with sim:flr, which serves another/,
    })
    assert.equal(first.inspect().memory.mapped.length, 1)
  })

  it('stay as they are while one of them is detached, and it is attached again', async () => {
    const { fn, other, first, second } = pair()
    enableBar0(first, bar, 6)
    fn.faults.set('bus-master-stuck', true)
    assert.equal((await first.reset()).verdict, 'contained')
    assert.equal(second.isUsable, true)
    assert.equal(other.dma.mappings.length, 1)
    fn.faults.clear('bus-master-stuck')
    await first.reset()
    assert.equal(first.isUsable, true)
    assert.equal(fn.hardware.master.attachment.domain, other.dma.domain)
  })

  it('are both without memory where one is contained by unmapping, until it is let in again', async () => {
    const { fn, other, first, second, events } = pair('unmap-all')
    enableBar0(first, bar, 6)
    fn.faults.set('bus-master-stuck', true)
    assert.equal((await first.reset()).verdict, 'contained')
    assert.deepEqual(events, ['memory-not-mapped', 'quarantined'])
    assert.equal(second.isUsable, false)
    await second.reset()
    assert.equal(second.isUsable, false, 'there is no memory to be had')
    fn.faults.clear('bus-master-stuck')
    assert.equal((await first.reset()).verdict, 'clean')
    assert.equal(first.isUsable, true)
    assert.equal(other.dma.mappings.length, 1, 'mapped anew')
    await second.reset()
    assert.equal(second.isUsable, true)
  })

  it('get back what the kernel took down with the one through which it was mapped', async () => {
    const domain = {}
    const space = new RecordingDmaSpace({ domain })
    const memory = new ChangingMemory([range(0, 4)])
    const vmm = new RecordingVmm([], memory)
    const { device: first } = openModel('flr', {
      vmm,
      override: (fn) => ({
        dma: space,
        [Symbol.dispose]: () => {
          space.loseAll()
          fn[Symbol.dispose]()
        },
      }),
    })
    openModel('af-flr', { vmm, override: () => ({ dma: space }) })
    await first.close()
    assert.equal(space.held.size, 1)
  })
})

describe('a change of memory during a reset', () => {
  it('is carried out, and the device goes on', async () => {
    const { device, memory, space } = open([range(0, 4)])
    const reset = device.reset()
    memory.change([range(8, 4)])
    await reset
    assert.equal(device.isUsable, true)
    assert.deepEqual(
      [...space.held].map(({ iova }) => iova),
      [8n * page],
    )
  })

  it('is not told twice: the end of the reset decides', async () => {
    const { device, memory, space, events } = open([range(0, 4)])
    const reset = device.reset()
    space.refuse = (line) => line.startsWith('map')
    memory.change([range(8, 4)])
    await reset
    assert.equal(device.isUsable, false)
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['memory-not-mapped', 'reset', 'quarantined'],
    )
  })
})
