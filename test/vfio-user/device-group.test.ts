// Devices of one IOMMU group and one bus, served together: their memory, their resets, and who may have them.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate, setTimeout as wait } from 'node:timers/promises'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import type { PeerCredentials } from '../../src/linux/unix-socket.js'
import { createSimulatedFunction, type SimulatedFunction, SimulatedMachine, startStream } from '../../src/sim/index.js'
import { DeviceGroup } from '../../src/vfio-user/server/device-group.js'
import { PhysicalDevice } from '../../src/vfio-user/server/physical-device.js'
import { processStart } from '../../src/vfio-user/server/process-start.js'
import type { ServerEvent } from '../../src/vfio-user/server/server-event.js'
import { packed, raw, u16 } from '../unit/vfio-user/messages/wire.js'
import { ask, errnoOf, greet, type Talk } from './wire-client.js'

const page = 4096n
const iova = 0x10_0000n
const config = 7
const memoryAndMaster = 6

interface Member {
  readonly fn: SimulatedFunction
  readonly device: PhysicalDevice
  readonly events: ServerEvent[]
  connect(): Promise<Talk>
}

/** Two functions of one card: one address space, one bus, and nothing but a reset of the bus resets them. */
function siblings(): { readonly group: DeviceGroup; readonly one: Member; readonly two: Member } {
  const machine = new SimulatedMachine()
  const group = new DeviceGroup()
  const first = createSimulatedFunction('siblings.0', { machine, containment: 'unmap-all' })
  const second = createSimulatedFunction('siblings.1', { machine, containment: 'unmap-all', shareDmaWith: first })
  const member = (fn: SimulatedFunction): Member => {
    const events: ServerEvent[] = []
    const device = new PhysicalDevice(fn, { group, onEvent: (event) => events.push(event) })
    return { fn, device, events, connect: () => greet(device, { gate: group.gate(fn.address) }) }
  }
  return { group, one: member(first), two: member(second) }
}

const reportsOf = ({ events }: Member) =>
  events.flatMap((event) => (event.kind === 'reset-report' ? [`${event.cause} ${event.report.verdict}`] : []))

const hotOf = ({ events }: Member) =>
  events.flatMap((event) =>
    event.kind === 'reset-report' ? (event.report.attempts.find(({ method }) => method === 'hot') ?? []) : [],
  )

const letOn = ({ client }: Talk) => client.errno(ask.write(config, 4n, packed(u16(memoryAndMaster))))

async function idsOf({ client }: Talk): Promise<number> {
  return (await client.payload(ask.read(config, 0n, 4))).getUint32(16, true)
}

/** Whether the device reaches the memory that its client gave. */
function reaches({ fn }: Member, memory: SharedMemory): boolean {
  memory.bytes.fill(0)
  startStream(fn, { iova })
  fn.clock.advance(5_000)
  return memory.bytes.some((byte) => byte !== 0)
}

describe('devices of one group', () => {
  it('have the memory that both clients give mapped once, until the last of them lets go', async () => {
    const { one, two } = siblings()
    await using first = await one.connect()
    await using second = await two.connect()
    using memory = new SharedMemory(page)
    assert.equal(await first.client.errno(ask.map(iova, page), [memory.fd]), 0)
    assert.equal(await second.client.errno(ask.map(iova, page), [memory.fd]), 0)
    assert.equal(one.fn.dma.mappings.length, 1)
    await letOn(second)
    assert.ok(reaches(two, memory))
    assert.equal(await first.client.errno(ask.unmap(iova, page)), 0)
    assert.equal(one.fn.dma.mappings.length, 1)
    assert.ok(reaches(two, memory), 'the other has it still, by a mapping of its own')
    assert.equal(await second.client.errno(ask.unmap(iova, page)), 0)
    assert.equal(one.fn.dma.mappings.length, 0)
  })

  for (const [whose, end] of [
    ['the client that waits for its place is gone', ({ client }: Talk) => client[Symbol.dispose]()],
    ['its server ends', ({ server }: Talk) => void server.close()],
  ] as const) {
    it(`keep nothing of memory that was given while another held its place, where ${whose}`, async () => {
      const { group, one, two } = siblings()
      const first = await one.connect()
      await using second = await two.connect()
      using memory = new SharedMemory(page)
      using other = new SharedMemory(page)
      assert.equal(await second.client.errno(ask.map(iova, page), [other.fd]), 0)
      first.client.send(raw(ask.map(iova, page)), [memory.fd])
      await wait(20)
      end(first)
      // By then the place is free, and the memory of the client that is gone is mapped after all.
      assert.equal(await second.client.errno(ask.unmap(iova, page)), 0)
      await group.gate('one').busy
      await first[Symbol.asyncDispose]()
      assert.equal(one.fn.dma.mappings.length, 0)
      assert.equal(await second.client.errno(ask.map(iova, page), [other.fd]), 0)
    })
  }

  it('refuse other memory at the same place, and say so', async () => {
    const { one, two } = siblings()
    await using first = await one.connect()
    await using second = await two.connect()
    using memory = new SharedMemory(page)
    using other = new SharedMemory(page)
    assert.equal(await first.client.errno(ask.map(iova, page), [memory.fd]), 0)
    assert.equal(await second.client.errno(ask.map(iova, page), [other.fd]), errnoOf.EEXIST)
    const [refusal] = second.events.filter(({ kind }) => kind === 'refused')
    assert.ok(refusal?.kind === 'refused' && /of the same IOMMU group/.test(refusal.reason))
    assert.equal(one.fn.dma.mappings.length, 1)
  })

  it('are reset with their bus where nobody uses the other', async () => {
    const { one, two } = siblings()
    await using first = await one.connect()
    assert.equal(await first.client.errno(ask.reset), 0)
    assert.deepEqual(reportsOf(one), ['client clean'])
    assert.deepEqual(reportsOf(two), ['companion clean'])
  })

  it('are not reset under a guest, and the report says why', async () => {
    const { one, two } = siblings()
    await using first = await one.connect()
    await using second = await two.connect()
    await letOn(second)
    assert.equal(await first.client.errno(ask.reset), 0)
    assert.deepEqual(reportsOf(one), ['client quiesced'])
    const [hot] = hotOf(one)
    assert.match(hot?.reason ?? '', /EBUSY: it would also reset sim:siblings\.1, which a guest uses/)
    assert.deepEqual(two.events, [])
    assert.equal(two.fn.config.read(4, 2) & 7, memoryAndMaster)
  })

  it('are reset together once both were asked for, as a VMM does that reboots its machine', async () => {
    const { one, two } = siblings()
    await using first = await one.connect()
    await using second = await two.connect()
    await letOn(first)
    await letOn(second)
    assert.equal(await first.client.errno(ask.reset), 0)
    assert.equal(await second.client.errno(ask.reset), 0)
    assert.deepEqual(reportsOf(one), ['client quiesced', 'companion clean'])
    assert.deepEqual(reportsOf(two), ['client clean'])
    assert.equal(await idsOf(first), one.fn.config.read(0, 4))
  })

  it('are both clean when the last client is gone', async () => {
    const { one, two } = siblings()
    const first = await one.connect()
    const second = await two.connect()
    using memory = new SharedMemory(page)
    for (const { client } of [first, second]) await client.errno(ask.map(iova, page), [memory.fd])
    await letOn(first)
    await letOn(second)
    await first[Symbol.asyncDispose]()
    assert.deepEqual(reportsOf(one), ['disconnect quiesced'])
    assert.equal(one.fn.dma.mappings.length, 1, 'the other client holds it')
    await second[Symbol.asyncDispose]()
    assert.deepEqual(reportsOf(one), ['disconnect quiesced', 'companion clean'])
    assert.deepEqual(reportsOf(two), ['disconnect clean'])
    assert.equal(one.fn.dma.mappings.length, 0)
  })

  it('are reset together where both are asked at the same time', async () => {
    const { one, two } = siblings()
    await using first = await one.connect()
    await using second = await two.connect()
    await letOn(first)
    await letOn(second)
    assert.deepEqual(await Promise.all([one.device.reset(), two.device.reset()]), [{ ok: true }, { ok: true }])
    assert.deepEqual(reportsOf(one), ['client clean', 'companion clean'])
    assert.deepEqual(reportsOf(two), ['companion clean', 'client clean'])
    assert.equal(await idsOf(first), one.fn.config.read(0, 4))
    assert.equal(await idsOf(second), two.fn.config.read(0, 4))
  })

  it('lose all memory when one is contained: the other is out of reach until a reset ends well', async () => {
    const { one, two } = siblings()
    await using first = await one.connect()
    await using second = await two.connect()
    using memory = new SharedMemory(page)
    for (const { client } of [first, second]) await client.errno(ask.map(iova, page), [memory.fd])
    await letOn(second)
    one.fn.faults.set('config-read-error', true)
    assert.equal(await first.client.errno(ask.reset), errnoOf.EIO)
    assert.deepEqual(reportsOf(one), ['client contained'])
    assert.deepEqual(
      two.events.map((event) => (event.kind === 'cut-off' ? event.by : event.kind)),
      ['sim:siblings.0'],
    )
    assert.equal(one.fn.dma.mappings.length, 0)
    assert.equal(await idsOf(second), 0xffff_ffff)
    // What is mapped meanwhile is there once both are back.
    using more = new SharedMemory(page)
    assert.equal(await second.client.errno(ask.map(iova + page, page), [more.fd]), 0)
    assert.equal(await second.client.errno(ask.reset), 16)
    assert.equal(await idsOf(second), 0xffff_ffff)
    one.fn.faults.set('config-read-error', false)
    assert.equal(await first.client.errno(ask.reset), 0)
    assert.equal(one.fn.dma.mappings.length, 2)
    assert.equal(await second.client.errno(ask.reset), 0)
    assert.equal(await idsOf(second), two.fn.config.read(0, 4))
    await letOn(second)
    assert.ok(reaches(two, memory))
  })

  it('are cut off at once when the reset that takes them along ends so, and get no memory before its time', async () => {
    const { one, two } = siblings()
    await using first = await one.connect()
    await using second = await two.connect()
    using memory = new SharedMemory(page)
    one.fn.faults.set('reset-falls-off', true)
    const resetting = first.client.errno(ask.reset)
    while (!two.events.some(({ kind }) => kind === 'reset-report')) await setImmediate()
    assert.deepEqual(
      two.events.map(({ kind }) => kind),
      ['cut-off', 'reset-report'],
    )
    assert.equal(await second.client.errno(ask.map(iova, page), [memory.fd]), 0)
    assert.equal(await resetting, errnoOf.EIO)
    assert.equal(await idsOf(second), 0xffff_ffff)
    assert.equal(one.fn.dma.mappings.length, 0)
  })

  it('that was cut off with another, and has no client, takes one once that is clean', async () => {
    const { one, two } = siblings()
    await using first = await one.connect()
    one.fn.faults.set('config-read-error', true)
    assert.equal(await first.client.errno(ask.reset), errnoOf.EIO)
    // The end of one that is not taken is a reset, and so the next try.
    await assert.rejects(two.connect())
    while (reportsOf(two).length === 0) await setImmediate()
    one.fn.faults.set('config-read-error', false)
    assert.equal(await first.client.errno(ask.reset), 0)
    assert.equal(reportsOf(two).at(-1), 'companion clean', 'the reset of the bus took it along')
    await using second = await two.connect()
    assert.equal(await idsOf(second), two.fn.config.read(0, 4))
  })

  it('take no client while one of them is not quiet and reaches memory', async () => {
    const { group, one, two } = siblings()
    const first = await one.connect()
    const second = await two.connect()
    using memory = new SharedMemory(page)
    for (const { client } of [first, second]) await client.errno(ask.map(iova, page), [memory.fd])
    for (const fault of ['config-read-error', 'unmap-fails'] as const) {
      two.fn.faults.set(fault, fault === 'unmap-fails' ? 'EIO' : true)
    }
    await second[Symbol.asyncDispose]()
    assert.deepEqual(reportsOf(two), ['disconnect lost'])
    await first[Symbol.asyncDispose]()
    assert.equal(reportsOf(one).at(-1), 'disconnect clean')
    assert.equal(reportsOf(two).at(-1), 'companion lost')
    // Whatever the next VMM maps for the one, the other would reach.
    await assert.rejects(one.connect())
    await group.gate('one').busy
    two.fn.faults.set('config-read-error', false)
    await assert.rejects(one.connect(), 'its end, with a reset of the bus, is the next try')
    await group.gate('two').busy
    assert.equal(reportsOf(two).at(-1), 'companion clean')
    await using next = await one.connect()
    assert.equal(await idsOf(next), one.fn.config.read(0, 4))
  })

  it('take no client while the IOMMU keeps memory of the last one of another', async () => {
    const { group, one, two } = siblings()
    const first = await one.connect()
    using memory = new SharedMemory(page)
    assert.equal(await first.client.errno(ask.map(iova, page), [memory.fd]), 0)
    one.fn.faults.set('unmap-fails', 'EIO')
    await first[Symbol.asyncDispose]()
    assert.equal(one.fn.dma.mappings.length, 1)
    await assert.rejects(two.connect())
    await group.gate('two').busy
    one.fn.faults.set('unmap-fails', false)
    await using second = await two.connect()
    assert.equal(one.fn.dma.mappings.length, 0)
    assert.equal(await idsOf(second), two.fn.config.read(0, 4))
  })

  it('stay out of reach together where their memory cannot be mapped again', async () => {
    const { one, two } = siblings()
    await using first = await one.connect()
    await using second = await two.connect()
    using memory = new SharedMemory(page)
    for (const { client } of [first, second]) await client.errno(ask.map(iova, page), [memory.fd])
    one.fn.faults.set('config-read-error', true)
    assert.equal(await first.client.errno(ask.reset), errnoOf.EIO)
    one.fn.faults.set('config-read-error', false)
    one.fn.dma.mapBacking = () => {
      throw new Error('too much is locked')
    }
    assert.equal(await first.client.errno(ask.reset), errnoOf.EIO)
    assert.equal(reportsOf(two).at(-1), 'companion clean')
    assert.equal(await idsOf(second), 0xffff_ffff)
    Reflect.deleteProperty(one.fn.dma, 'mapBacking')
    assert.equal(await second.client.errno(ask.reset), 0)
    assert.equal(one.fn.dma.mappings.length, 1)
    assert.equal(await idsOf(second), two.fn.config.read(0, 4))
    assert.equal(await first.client.errno(ask.reset), 0)
    await letOn(second)
    assert.ok(reaches(two, memory))
  })

  it('let nobody in while one is being reset', async () => {
    const { group, one, two } = siblings()
    await using first = await one.connect()
    const gate = group.gate(two.fn.address)
    assert.equal(gate.busy, undefined)
    const reset = first.client.errno(ask.reset)
    const resetting = one.device.reset()
    const { busy } = gate
    assert.ok(busy !== undefined)
    await busy
    await resetting
    assert.equal(await reset, 0)
  })
})

describe('who may have devices of one group', () => {
  const vmm: PeerCredentials = { pid: 100, uid: 0, gid: 0 }
  const another: PeerCredentials = { pid: 101, uid: 0, gid: 0 }

  it('is one process, until nothing of it is left', async () => {
    const group = new DeviceGroup()
    const [one, two] = [group.gate('one'), group.gate('two')]
    assert.equal(one.enter(vmm), undefined)
    assert.match(two.enter(another) ?? '', /two shares its IOMMU group with one, which process 100 uses/)
    assert.equal(two.enter(vmm), undefined)
    one.hold()
    const { busy } = two
    assert.ok(busy !== undefined, 'whoever comes now waits')
    one.left()
    await busy
    assert.match(one.enter(another) ?? '', /process 100 uses/)
    two.hold()
    two.left()
    assert.equal(one.enter(another), undefined)
  })

  it('is not another process of the same number, nor another user’s', () => {
    let start = '1'
    const group = new DeviceGroup({ startOf: () => start })
    const two = group.gate('two')
    assert.equal(group.gate('one').enter(vmm), undefined)
    start = '2'
    assert.match(two.enter(vmm) ?? '', /only one VMM may have both/)
    start = '1'
    assert.match(two.enter({ ...vmm, uid: 1000 }) ?? '', /only one VMM may have both/)
    assert.equal(two.enter(vmm), undefined)
  })

  it('is known by when it began', () => {
    assert.match(processStart(process.pid) ?? '', /^\d+$/)
    assert.notEqual(processStart(process.pid), processStart(1))
    assert.equal(processStart(2 ** 30), undefined)
  })

  it('is not one whose process cannot be told from others', () => {
    const group = new DeviceGroup()
    const hidden = { pid: 0, uid: 0, gid: 0 }
    assert.equal(group.gate('one').enter(hidden), undefined)
    assert.match(group.gate('two').enter(hidden) ?? '', /another PID namespace/)
  })
})
