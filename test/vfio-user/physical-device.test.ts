import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { EventFd } from '../../src/linux/eventfd.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { createSimulatedFunction, type SimulatedFunction, startStream, streamRegister } from '../../src/sim/index.js'
import { eduRegister, startEduTransfer } from '../../src/sim/models/edu-device.js'
import { PhysicalDevice, type PhysicalDeviceOptions } from '../../src/vfio-user/server/physical-device.js'
import type { ServerEvent } from '../../src/vfio-user/server/server-event.js'
import { packed, u16, u32 } from '../unit/vfio-user/messages/wire.js'
import { ask, errnoOf, greet, irqFlags, type Talk } from './wire-client.js'

const page = 4096n
const iova = 0x10_0000n
const config = 7
const commandAt = 4n
const memoryAndMaster = 6

interface Served {
  readonly fn: SimulatedFunction
  readonly talk: Talk
  readonly events: ServerEvent[]
}

async function serve(model: string, options: Omit<PhysicalDeviceOptions, 'onEvent'> = {}): Promise<Served> {
  const fn = createSimulatedFunction(model)
  const events: ServerEvent[] = []
  const device = new PhysicalDevice(fn, { ...options, onEvent: (event) => events.push(event) })
  return { fn, talk: await greet(device), events }
}

async function readWord(talk: Talk, region: number, offset: bigint, count = 4): Promise<number> {
  const view = await talk.client.payload(ask.read(region, offset, count))
  return count === 2 ? view.getUint16(16, true) : view.getUint32(16, true)
}

const setCommand = (talk: Talk, value: number) => talk.client.errno(ask.write(config, commandAt, packed(u16(value))))

/** What the device did to memory after the mark. */
const landedSince = (fn: SimulatedFunction, from: number) =>
  fn.ledger.entries.slice(from).filter((entry) => entry.kind === 'dma' && entry.outcome === 'landed')

describe('a physical function that is served', () => {
  it('config space and BARs are those of the function, in any width', async () => {
    const { fn, talk } = await serve('edu')
    await using _ = talk
    const whole = await talk.client.payload(ask.read(config, 0n, 256))
    assert.equal(whole.getUint32(16, true), 0x11e8_1234)
    assert.equal(await readWord(talk, config, 0n), fn.config.read(0, 4))
    assert.equal(await setCommand(talk, 2), 0)
    assert.equal(fn.config.read(4, 2) & 7, 2)
    await talk.client.errno(ask.write(0, BigInt(eduRegister.liveness), packed(u32(0x1234_5678))))
    assert.equal(await readWord(talk, 0, BigInt(eduRegister.liveness)), ~0x1234_5678 >>> 0)
  })
  it('what does not answer reads as all ones, and is told', async () => {
    const { talk, events } = await serve('edu')
    await using _ = talk
    await setCommand(talk, 0)
    assert.equal(await readWord(talk, 0, BigInt(eduRegister.liveness)), 0xffff_ffff)
    assert.ok(events.some(({ kind }) => kind === 'access-failed'))
  })
  it('or is an errno, for clients that can take it', async () => {
    const { talk } = await serve('edu', { failedAccess: 'errno' })
    await using _ = talk
    await setCommand(talk, 0)
    assert.equal(await talk.client.errno(ask.read(0, BigInt(eduRegister.liveness), 4)), errnoOf.EIO)
  })
  it('an interrupt of the device signals the eventfd of the client', async () => {
    const { talk } = await serve('edu')
    await using _ = talk
    using eventfd = new EventFd()
    await setCommand(talk, memoryAndMaster)
    const set = ask.setIrqs(1, irqFlags.eventfd | irqFlags.trigger, 0, 1)
    assert.equal(await talk.client.errno(set, [eventfd.fd]), 0)
    await talk.client.errno(ask.write(0, BigInt(eduRegister.raise), packed(u32(1))))
    assert.equal(eventfd.take(), 1n)
  })
  it('the device reaches the memory of the client, and only what is mapped', async () => {
    const { fn, talk } = await serve('edu')
    await using _ = talk
    using memory = new SharedMemory(page)
    memory.bytes.fill(0xa5)
    assert.equal(await talk.client.errno(ask.map(iova, page), [memory.fd]), 0)
    fn.config.write(4, 2, memoryAndMaster)
    startEduTransfer(fn, { iova })
    fn.clock.advance(200_000)
    assert.ok(memory.bytes.some((byte) => byte !== 0xa5))
  })
  it('memory without a file is out of its reach, and told', async () => {
    const { fn, talk, events } = await serve('edu')
    await using _ = talk
    assert.equal(await talk.client.errno(ask.map(iova, page, 1)), 0)
    assert.equal(fn.dma.mappings.length, 0)
    assert.ok(events.some(({ kind }) => kind === 'memory-out-of-reach'))
  })

  it('a client that is gone in the middle of a transfer: the device is quiet, nothing lands, then its memory goes', async () => {
    const { fn, talk } = await serve('flr')
    using memory = new SharedMemory(page)
    await talk.client.errno(ask.map(iova, page), [memory.fd])
    fn.config.write(4, 2, memoryAndMaster)
    startStream(fn, { iova })
    fn.clock.advance(5_000)
    assert.ok(landedSince(fn, 0).length > 0)
    await talk[Symbol.asyncDispose]()
    const { entries } = fn.ledger
    const off = entries.findLastIndex((entry) => entry.kind === 'iommu' && entry.what === 'unmap')
    const reset = entries.findIndex((entry) => entry.kind === 'kernel-call' && entry.call === 'reset')
    assert.ok(reset >= 0 && reset < off, 'the reset comes before the memory goes')
    assert.equal(fn.dma.mappings.length, 0)
    const mark = entries.length
    fn.clock.advance(1_000_000)
    assert.deepEqual(landedSince(fn, mark), [])
  })
  it('DEVICE_RESET is the reset procedure: it ends in a report', async () => {
    const { fn, talk, events } = await serve('flr')
    await using _ = talk
    await setCommand(talk, memoryAndMaster)
    await talk.client.errno(ask.write(0, BigInt(streamRegister.scratch), packed(u32(77))))
    assert.equal(await talk.client.errno(ask.reset), 0)
    const report = events.find((event) => event.kind === 'reset-report')
    assert.equal(report?.report.verdict, 'clean')
    assert.equal(fn.config.read(4, 2) & memoryAndMaster, 0)
    await setCommand(talk, 2)
    assert.equal(await readWord(talk, 0, BigInt(streamRegister.scratch)), 0)
  })
  it('interrupts are set up after a reset as before', async () => {
    const { fn, talk } = await serve('flr')
    await using _ = talk
    using eventfd = new EventFd()
    await talk.client.errno(ask.setIrqs(2, irqFlags.eventfd | irqFlags.trigger, 0, 1), [eventfd.fd])
    assert.equal(await talk.client.errno(ask.reset), 0)
    await setCommand(talk, memoryAndMaster)
    await talk.client.errno(ask.write(0, BigInt(streamRegister.interrupt), packed(u32(0))))
    assert.equal(
      eventfd.take(),
      1n,
      JSON.stringify(fn.ledger.entries.at(-1), (_key, value) => String(value)),
    )
  })
  it('a verdict that the policy refuses is an errno, and the device is out of reach until a reset ends well', async () => {
    const { talk, events } = await serve('no-reset', { resetPolicy: { requireReset: true } })
    await using _ = talk
    assert.equal((await readWord(talk, config, 0n)) & 0xffff, 0xfffe)
    assert.equal(await talk.client.errno(ask.reset), errnoOf.EIO)
    const report = events.find((event) => event.kind === 'reset-report')
    assert.equal(report?.report.verdict, 'quiesced')
    assert.equal(await readWord(talk, config, 0n), 0xffff_ffff)
    assert.equal(await setCommand(talk, memoryAndMaster), 0)
    assert.equal(await talk.client.errno(ask.reset), errnoOf.EIO)
    assert.ok(talk.events.some((event) => event.kind === 'reset' && !event.ok))
  })
  it('the same device without that policy is reset by being quiesced', async () => {
    const { talk } = await serve('no-reset')
    await using _ = talk
    assert.equal(await talk.client.errno(ask.reset), 0)
    assert.equal((await readWord(talk, config, 0n)) & 0xffff, 0xfffe)
  })
  it('a device that was contained is let in again by a reset that ends well, with the memory of the client', async () => {
    const { fn, talk } = await serve('flr')
    await using _ = talk
    using memory = new SharedMemory(page)
    await talk.client.errno(ask.map(iova, page), [memory.fd])
    fn.faults.set('config-read-error', true)
    assert.equal(await talk.client.errno(ask.reset), errnoOf.EIO)
    fn.faults.set('config-read-error', false)
    assert.equal(await talk.client.errno(ask.reset), 0)
    fn.config.write(4, 2, memoryAndMaster)
    startStream(fn, { iova })
    fn.clock.advance(5_000)
    assert.ok(memory.bytes.some((byte) => byte !== 0))
  })
  for (const [model, at] of [
    ['flr', 'pcie'],
    ['af-flr', 'af'],
  ] as const) {
    it(`the FLR that a guest asks for by ${at} is the reset procedure, and does not reach the hardware`, async () => {
      const { fn, talk, events } = await serve(model)
      await using _ = talk
      const id = at === 'pcie' ? 0x10 : 0x13
      let offset = fn.config.read(0x34, 1)
      while (offset !== 0 && fn.config.read(offset, 1) !== id) offset = fn.config.read(offset + 1, 1)
      assert.notEqual(offset, 0)
      const write =
        at === 'pcie'
          ? ask.write(config, BigInt(offset + 8), packed(u16(0x8000)))
          : ask.write(config, BigInt(offset + 4), [1])
      const mark = fn.ledger.entries.length
      assert.equal(await talk.client.errno(write), 0)
      for (let round = 0; round < 200 && !events.some(({ kind }) => kind === 'reset-report'); round++)
        await setTimeout(5)
      const report = events.find((event) => event.kind === 'reset-report')
      assert.equal(report?.cause, 'guest')
      assert.equal(report.report.verdict, 'clean')
      const register = at === 'pcie' ? offset + 8 : offset + 4
      const reached = fn.ledger.entries
        .slice(mark)
        .filter((entry) => entry.kind === 'config-write' && entry.offset === register && entry.value !== 0)
      assert.deepEqual(reached, [])
      assert.notEqual(await readWord(talk, config, 0n), 0xffff_ffff)
    })
  }
})
