// What a client of a physical function finds while the function is being reset, and after a reset that the policy refuses.
import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { describe, it } from 'node:test'
import type { InterruptDestination, InterruptKind, Interrupts } from '../../src/function/interrupts.js'
import type { PhysicalFunction } from '../../src/function/physical-function.js'
import type { Region } from '../../src/function/region.js'
import { EventFd } from '../../src/linux/eventfd.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'
import { createSimulatedFunction, type SimulatedFunction } from '../../src/sim/index.js'
import { PhysicalDevice, type PhysicalDeviceOptions } from '../../src/vfio-user/server/physical-device.js'
import type { ServerEvent } from '../../src/vfio-user/server/server-event.js'
import { packed, type Raw, raw, u16 } from '../unit/vfio-user/messages/wire.js'
import { comeIn, leave } from './next-client.js'
import { until } from './until.js'
import { ask, errnoOf, greet, irqFlags, type Talk } from './wire-client.js'

const page = 4096n
const iova = 0x10_0000n
const config = 7
const { none, eventfd, mask, unmask, trigger } = irqFlags

/** A simulated function whose interrupts go to eventfds, as the kernel's do, and which says what is asked of it. */
class EventfdInterrupts implements Interrupts {
  readonly canUnmaskByEventfd = true
  readonly log: string[] = []
  onEnable = (): void => {}
  readonly #inner: Interrupts

  constructor(inner: Interrupts) {
    this.#inner = inner
  }

  info(kind: InterruptKind) {
    return this.#inner.info(kind)
  }

  enable(kind: InterruptKind, destinations: readonly (InterruptDestination | undefined)[]): void {
    this.log.push(`enable ${kind}: ${destinations.map((each) => (each === undefined ? '-' : 'fd')).join(' ')}`)
    this.onEnable()
    this.#inner.enable(
      kind,
      destinations.map(() => undefined),
    )
  }

  retarget(kind: InterruptKind, vector: number, destination: InterruptDestination | undefined): void {
    this.log.push(`retarget ${kind} ${vector}: ${destination === undefined ? '-' : 'fd'}`)
  }

  disable(kind: InterruptKind): void {
    this.#inner.disable(kind)
  }

  unmask(kind: InterruptKind): void {
    this.log.push(`unmask ${kind}`)
  }

  unmaskBy(kind: InterruptKind, fd: number | undefined): void {
    this.log.push(`unmask ${kind} by ${fd === undefined ? 'nothing' : 'fd'}`)
  }
}

/** The function with some of its parts replaced. */
function withParts(fn: SimulatedFunction, parts: Partial<PhysicalFunction>): PhysicalFunction {
  return new Proxy<PhysicalFunction>(fn, {
    get(target, name) {
      if (Object.hasOwn(parts, name)) return Reflect.get(parts, name)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

interface Served {
  readonly fn: SimulatedFunction
  readonly talk: Talk
  readonly events: ServerEvent[]
  readonly interrupts: EventfdInterrupts
}

async function serve(
  model: string,
  options: Omit<PhysicalDeviceOptions, 'onEvent'> & { readonly eventfds?: boolean } = {},
): Promise<Served> {
  const fn = createSimulatedFunction(model)
  const events: ServerEvent[] = []
  const interrupts = new EventfdInterrupts(fn.interrupts)
  const { eventfds = false, ...rest } = options
  const device = new PhysicalDevice(eventfds ? withParts(fn, { interrupts }) : fn, {
    ...rest,
    onEvent: (event) => events.push(event),
  })
  return { fn, talk: await greet(device), events, interrupts }
}

/** Asks for a Function Level Reset as a guest does, and for `more` in the same breath: the reset has only begun by then. */
async function askForFlr({ fn, talk }: Served, more: readonly Raw[], fds: readonly number[] = []): Promise<void> {
  let offset = fn.config.read(0x34, 1)
  while (offset !== 0 && fn.config.read(offset, 1) !== 0x10) offset = fn.config.read(offset + 1, 1)
  const messages = [ask.write(config, BigInt(offset + 8), packed(u16(0x8000))), ...more]
  talk.client.send(Uint8Array.from(messages.flatMap((message, id) => [...raw({ ...message, id })])), fds)
  for (const [id] of messages.entries()) {
    const reply = await talk.client.receive()
    assert.deepEqual([reply?.id, reply?.errno], [id, 0])
  }
}

describe('a physical function whose client is gone', () => {
  for (const [verdict, faults] of Object.entries({
    contained: ['config-read-error'],
    lost: ['config-read-error', 'unmap-fails', 'detach-fails'],
  } as const)) {
    it(`that ends as ${verdict} is given to nobody until a reset ends well, and that is tried when somebody comes`, async () => {
      const served = await serve('flr')
      const { fn, talk, events } = served
      using memory = new SharedMemory(page)
      await talk.client.errno(ask.map(iova, page), [memory.fd])
      for (const fault of faults) fn.faults.set(fault, fault === 'config-read-error' ? true : 'EIO')
      assert.match((await leave(served.talk, served.talk.client)) ?? '', new RegExp(`ended as ${verdict}`))
      const verdicts = () => events.flatMap((event) => (event.kind === 'reset-report' ? [event.report.verdict] : []))
      assert.deepEqual(verdicts(), [verdict])
      assert.equal(await comeIn(served.talk), undefined)
      assert.equal(verdicts().length, 2)
      const turnedAway = talk.events.findLast((event) => event.kind === 'turned-away')
      assert.match(turnedAway?.kind === 'turned-away' ? turnedAway.reason : '', new RegExp(`ended as ${verdict}`))
      for (const fault of faults) fn.faults.set(fault, false)
      const next = await comeIn(served.talk)
      assert.equal(verdicts().at(-1), 'clean')
      assert.equal(fn.dma.mappings.length, 0, 'nothing of the first one is left')
      assert.equal(await next?.errno(ask.map(iova, page), [memory.fd]), 0)
      assert.equal(fn.dma.mappings.length, 1)
      next?.[Symbol.dispose]()
      await talk.server.close()
    })
  }
  it('and of whose memory the IOMMU keeps something is given to nobody until it lets go', async () => {
    const served = await serve('flr')
    const { fn, talk } = served
    using memory = new SharedMemory(page)
    await talk.client.errno(ask.map(iova, page), [memory.fd])
    fn.faults.set('unmap-fails', 'EIO')
    assert.notEqual(await leave(served.talk, served.talk.client), undefined)
    assert.equal(fn.dma.mappings.length, 1)
    assert.equal(await comeIn(served.talk), undefined)
    fn.faults.set('unmap-fails', false)
    const next = await comeIn(served.talk)
    assert.notEqual(next, undefined)
    assert.equal(fn.dma.mappings.length, 0)
    next?.[Symbol.dispose]()
    await talk.server.close()
  })
  it('and that the policy wants reset is given to nobody where it cannot be', async () => {
    const served = await serve('no-reset', { resetPolicy: { requireReset: true } })
    assert.match((await leave(served.talk, served.talk.client)) ?? '', /ended as quiesced/)
    assert.equal(await comeIn(served.talk), undefined)
    await served.talk.server.close()
  })
})

describe('a physical function while a guest resets it', () => {
  it('gives memory back at once, and takes new memory', async () => {
    const served = await serve('flr')
    const { fn, talk, events } = served
    using memory = new SharedMemory(2n * page)
    await talk.client.errno(ask.map(iova, page), [memory.fd])
    await askForFlr(served, [ask.unmap(iova, page), ask.map(iova, page, 3, page)], [memory.fd])
    await until(() => events.some(({ kind }) => kind === 'reset-report'), 'it did not end')
    const { entries } = fn.ledger
    const unmapped = entries.findIndex((entry) => entry.kind === 'iommu' && entry.what === 'unmap')
    const reset = entries.findIndex((entry) => entry.kind === 'kernel-call' && entry.call === 'reset')
    assert.ok(unmapped >= 0 && unmapped < reset)
    assert.equal(fn.dma.mappings.length, 1)
    await talk[Symbol.asyncDispose]()
  })
  it('does not hear of the interrupts that a client sets up before it has ended', async () => {
    const served = await serve('flr', { eventfds: true })
    const { talk, events, interrupts } = served
    using one = new EventFd()
    let isOver = false
    interrupts.onEnable = () => {
      isOver = events.some(({ kind }) => kind === 'reset-report')
    }
    await askForFlr(served, [ask.setIrqs(2, eventfd | trigger, 0, 1)], [one.fd])
    await until(() => interrupts.log.length > 0, 'they were not set up')
    assert.deepEqual(interrupts.log, ['enable msix: fd'])
    assert.ok(isOver)
    await talk[Symbol.asyncDispose]()
  })
})

describe('the interrupts of a physical function', () => {
  it('INTx is unmasked by its eventfd after a reset as before', async () => {
    const { talk, interrupts } = await serve('flr', { eventfds: true })
    await using _ = talk
    using line = new EventFd()
    using resample = new EventFd()
    await talk.client.errno(ask.setIrqs(0, eventfd | trigger, 0, 1), [line.fd])
    await talk.client.errno(ask.setIrqs(0, eventfd | unmask, 0, 1), [resample.fd])
    interrupts.log.length = 0
    assert.equal(await talk.client.errno(ask.reset), 0)
    assert.deepEqual(interrupts.log, ['enable intx: fd', 'unmask intx by fd'])
  })
  it('an eventfd to unmask by is refused before there is one to signal, as the kernel refuses it', async () => {
    const { talk } = await serve('flr', { eventfds: true })
    await using _ = talk
    using resample = new EventFd()
    assert.equal(await talk.client.errno(ask.setIrqs(0, eventfd | unmask, 0, 1), [resample.fd]), errnoOf.EINVAL)
  })
  it('a vector that is masked stays so through a reset, and through a new eventfd', async () => {
    const { talk, interrupts } = await serve('flr', { eventfds: true })
    await using _ = talk
    using one = new EventFd()
    using two = new EventFd()
    await talk.client.errno(ask.setIrqs(2, eventfd | trigger, 0, 2), [one.fd, two.fd])
    await talk.client.errno(ask.setIrqs(2, none | mask, 1, 1))
    assert.equal(await talk.client.errno(ask.reset), 0)
    await talk.client.errno(ask.setIrqs(2, eventfd | trigger, 1, 1), [one.fd])
    await talk.client.errno(ask.setIrqs(2, none | unmask, 1, 1))
    assert.deepEqual(interrupts.log, [
      'enable msix: fd fd',
      'retarget msix 1: -',
      'enable msix: fd -',
      'retarget msix 1: fd',
    ])
  })
})

describe('what a client reaches of a physical function', () => {
  it('an access that is not answered is told once, however long it is', async () => {
    const { talk, events, fn } = await serve('flr')
    await using _ = talk
    fn.faults.set('config-read-error', true)
    const view = await talk.client.payload(ask.read(config, 0n, 4096))
    assert.ok(new Uint8Array(view.buffer, view.byteOffset + 16).every((byte) => byte === 0xff))
    assert.equal(events.filter(({ kind }) => kind === 'access-failed').length, 1)
    fn.faults.set('config-read-error', false)
  })
  it('the files of its BARs, unless they are kept from it', async () => {
    const fn = createSimulatedFunction('flr')
    using memory = new SharedMemory(0x4000n)
    const bar = fn.regions[0]
    assert.ok(bar !== undefined)
    const mapped: Region = {
      index: 0,
      size: bar.size,
      readable: true,
      writable: true,
      mappable: [{ offset: 0n, size: bar.size }],
      file: { fd: memory.fd, offset: 0n },
      share: undefined,
      read: () => {},
      write: () => {},
    }
    for (const mapsRegions of [true, false]) {
      const device = new PhysicalDevice(withParts(fn, { regions: [mapped] }), { mapsRegions })
      await using talk = await greet(device)
      const reply = await talk.client.ask(ask.regionInfo(0))
      assert.equal(reply.fds.length, mapsRegions ? 1 : 0)
      assert.equal((reply.payload[4] ?? 0) & 4, mapsRegions ? 4 : 0)
      for (const fd of reply.fds) closeSync(fd)
    }
  })
  it('memory of a file that can be cut short is out of the reach of a simulated one, and cutting it hurts nobody', async () => {
    const { talk, events, fn } = await serve('flr')
    await using _ = talk
    const folder = mkdtempSync('/dev/shm/vfio-user-')
    const fd = openSync(`${folder}/memory`, 'w+')
    try {
      ftruncateSync(fd, 4096)
      assert.equal(await talk.client.errno(ask.map(iova, page), [fd]), 0)
      assert.ok(events.some(({ kind }) => kind === 'memory-out-of-reach'))
      assert.equal(fn.dma.mappings.length, 0)
      ftruncateSync(fd, 0)
    } finally {
      closeSync(fd)
      rmSync(folder, { recursive: true })
    }
  })
})
