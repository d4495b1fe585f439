import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { checksum } from '../../../src/kit/checksum.js'
import { decodeDeviceState, encodeDeviceState } from '../../../src/kit/device-state.js'
import { PciDevice } from '../../../src/kit/pci-device.js'
import { type VirtioDeclaration, virtioDevice } from '../../../src/kit/virtio/virtio-device.js'
import { SharedMemory } from '../../../src/linux/shared-memory.js'
import { enable, FakeClient, until } from './fake-client.js'
import { feature, layout, VirtioDriver } from './virtio-driver.js'

const answer = { address: BigInt(layout.buffers), length: 16, isWritable: true }
const agreed = feature.version1 | feature.eventIndex | feature.indirect

/** A device that numbers its answers, from one process to the next too. */
function counting(serve?: VirtioDeclaration['serve'], extra: Partial<VirtioDeclaration> = {}) {
  let count = 0
  const device = new PciDevice({
    ...virtioDevice({
      type: 42,
      classCode: 0xff0000,
      queueSizes: [8, 4],
      migration: {
        save: () => new Uint8Array([count]),
        restore: (state) => {
          if (state.length !== 1) throw new QuiesceError('USAGE', 'Cannot restore the count: it is a byte')
          count = state[0] ?? 0
        },
      },
      serve: serve ?? ((_queue, request) => request.write(new Uint8Array([++count]))),
      ...extra,
    }),
    drainMs: 30,
  })
  assert.ok(device.migration)
  return { device, migration: device.migration }
}

function attached(memory?: Uint8Array, ...args: Parameters<typeof counting>) {
  const made = counting(...args)
  const client = new FakeClient()
  made.device.connect(client)
  const bytes = client.memory.map(0n, 0x8000)
  if (memory !== undefined) bytes.set(memory)
  return { ...made, client, memory: bytes, driver: new VirtioDriver(made.device, bytes) }
}

function start({ device, driver }: ReturnType<typeof attached>): void {
  enable(device)
  device.writeConfig(0x42, 2, 0x8000)
  driver.start(agreed)
}

/** A device with a request under way, which it answers once it is let. */
async function busy() {
  let release = (): void => {}
  const late = new Promise<void>((resolve) => {
    release = resolve
  })
  const it = attached(undefined, async (_queue, request) => {
    await late
    return request.write(new Uint8Array([1]))
  })
  start(it)
  it.driver.offer(it.driver.chain([answer]))
  it.driver.notify()
  await new Promise((resolve) => setImmediate(resolve))
  return { ...it, release }
}

async function savedState(from: ReturnType<typeof attached>): Promise<Uint8Array> {
  await from.migration.stop()
  return from.migration.save()
}

describe('the migration of a device of the kit', () => {
  it('is there only where its model can', () => {
    const plain = virtioDevice({ type: 42, classCode: 0, queueSizes: [8], serve: async () => true })
    assert.equal(new PciDevice(plain).migration, undefined)
    assert.ok(
      new PciDevice(
        virtioDevice({ type: 42, classCode: 0, queueSizes: [8], migration: 'stateless', serve: async () => true }),
      ).migration,
    )
  })

  it('a stopped device does not look at its queues, and goes on where it was', async () => {
    const it = attached()
    start(it)
    it.driver.offer(it.driver.chain([answer]))
    it.driver.notify()
    await it.migration.stop()
    const before = it.driver.used().length
    const { signals } = it.client
    it.driver.offer(it.driver.chain([answer]))
    it.driver.notify()
    const seen = it.memory.slice()
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual(it.memory, seen)
    assert.equal(it.driver.used().length, before)
    it.migration.run()
    await until('both are answered', () => it.driver.used().length === 2 && signals.length > 0)
  })

  it('what is under way ends before it is stopped', async () => {
    const { release, ...it } = await busy()
    const stopping = it.migration.stop()
    release()
    await stopping
    assert.deepEqual(it.driver.used(), [{ id: 0, length: 1 }])
  })

  it('what does not end in time is a reason not to stop, and goes on', async () => {
    const { release, ...it } = await busy()
    await assert.rejects(it.migration.stop(), { code: 'BUSY' })
    assert.throws(() => it.migration.save(), { code: 'USAGE' })
    release()
    await until('it is answered', () => it.driver.used().length === 1)
  })

  it('no DMA and no signal while it is stopped, whatever a model does; all of it afterwards', async () => {
    const sessions: Parameters<ConstructorParameters<typeof PciDevice>[0]['model']>[0][] = []
    const device = new PciDevice({
      config: { ...virtioDevice({ type: 1, classCode: 0, queueSizes: [4], serve: async () => true }).config },
      model: (session) => {
        sessions.push(session)
        const none = { pause: async () => {}, resume: () => {}, save: () => new Uint8Array(), restore: () => {} }
        return { read: () => 0n, write: () => {}, migration: none }
      },
    })
    const client = new FakeClient()
    device.connect(client)
    enable(device)
    device.writeConfig(0x42, 2, 0x8000)
    const memory = client.memory.map(0n, 0x1000)
    const [session] = sessions
    assert.ok(session && device.migration)
    await device.migration.stop()
    const writing = session.dma.write(0n, new Uint8Array([9]))
    assert.equal(session.dma.view(0n, 4, 'read'), undefined)
    session.raise(1)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([memory[0], client.signals], [0, []])
    device.migration.run()
    assert.equal(await writing, true)
    assert.deepEqual([memory[0], client.signals], [9, ['msix 1']])
  })

  it('a reset lets a stopped device run, and ends what waited', async () => {
    const it = attached()
    start(it)
    await it.migration.stop()
    await it.device.reset()
    it.memory.fill(0)
    const driver = new VirtioDriver(it.device, it.memory)
    start({ ...it, driver })
    driver.offer(driver.chain([answer]))
    driver.notify()
    await until('it is answered', () => driver.used().length === 1)
  })

  it('another one goes on where the first was: queues, features, vectors, and what the device keeps', async () => {
    const from = attached()
    start(from)
    for (let i = 0; i < 3; i++) from.driver.offer(from.driver.chain([answer]))
    from.driver.notify()
    await until('they are answered', () => from.driver.used().length === 3)
    // Offered, and never looked at by the first.
    await from.migration.stop()
    from.driver.offer(from.driver.table([answer]))
    from.driver.notify()
    const to = attached(from.memory)
    await to.migration.stop()
    to.migration.load(from.migration.save())
    to.migration.run()
    await until('it is answered by the other', () => to.driver.used().length === 4)
    assert.equal(to.memory[layout.buffers], 4)
    assert.deepEqual(
      to.driver.used().map(({ id }) => id),
      [0, 1, 2, 3],
    )
    assert.deepEqual(to.client.signals, [])
    assert.equal(to.driver.get('device_status'), from.driver.get('device_status'))
    assert.equal(to.driver.get('queue_msix_vector'), 1)
    assert.equal(to.driver.availableEvent, 4)
    assert.equal(to.device.readConfig(0x42, 2), 0x8001 + 1)
    assert.equal(from.driver.used().length, 3)
  })

  it('interrupts that wait for their client wait in the other one, and INTx is as high as it was', async () => {
    const from = attached()
    start(from)
    from.client.takesInterrupts = false
    from.driver.offer(from.driver.chain([answer]))
    from.driver.notify()
    await until('it is answered', () => from.driver.used().length === 1)
    const to = attached(from.memory)
    await to.migration.stop()
    to.migration.load(await savedState(from))
    assert.deepEqual(to.client.signals, [])
    to.migration.run()
    assert.deepEqual(to.client.signals, ['msix 1'])

    const line = attached()
    start(line)
    line.device.writeConfig(0x42, 2, 0)
    line.driver.offer(line.driver.chain([answer]))
    line.driver.notify()
    await until('it is signalled', () => line.client.signals.length === 1)
    const other = attached(line.memory)
    await other.migration.stop()
    other.migration.load(await savedState(line))
    other.migration.run()
    assert.equal(other.device.readConfig(0x06, 2) & 8, 8)
    assert.equal(other.device.readBar(0, 0x1000, 1), 1n, 'the ISR says why')
  })

  it('memory that clients map comes along', async () => {
    const make = () =>
      new PciDevice({
        config: {
          vendorId: 1,
          deviceId: 2,
          revision: 0,
          classCode: 0,
          interruptPin: 0,
          bars: [{ index: 0, kind: 'memory32', size: 0x2000, address: 0 }],
          capabilities: [],
          size: 256,
        },
        memory: [{ bar: 0, allocate: (size) => new SharedMemory(size) }],
        model: () => ({
          read: () => 0n,
          write: () => {},
          migration: { pause: async () => {}, resume: () => {}, save: () => new Uint8Array(), restore: () => {} },
        }),
      })
    using from = make()
    using to = make()
    enable(from)
    from.writeBar(0, 0x1ffc, 4, 0x1234_5678n)
    await from.migration?.stop()
    await to.migration?.stop()
    to.migration?.load(from.migration?.save() ?? new Uint8Array())
    to.migration?.run()
    assert.equal(to.readBar(0, 0x1ffc, 4), 0x1234_5678n)
  })
})

describe('a state that is none', () => {
  /** A stopped device, its state, and what it says of itself. */
  async function stopped() {
    const it = attached()
    start(it)
    it.driver.offer(it.driver.chain([answer]))
    it.driver.notify()
    await until('it is answered', () => it.driver.used().length === 1)
    return { ...it, state: await savedState(it) }
  }

  it('is refused, whichever byte of it is wrong, and changes nothing', async () => {
    const { migration, state } = await stopped()
    fc.assert(
      fc.property(
        fc.oneof(
          fc.record({ at: fc.nat(state.length - 1), to: fc.integer({ min: 1, max: 255 }) }).map(({ at, to }) => {
            const wrong = state.slice()
            wrong[at] = (wrong[at] ?? 0) ^ to
            return wrong
          }),
          fc.nat(state.length - 1).map((length) => state.slice(0, length)),
          fc.uint8Array({ minLength: 1, maxLength: 64 }).map((more) => Uint8Array.from([...state, ...more])),
          fc.uint8Array({ maxLength: 8192 }),
        ),
        (wrong) => {
          assert.throws(() => migration.load(wrong), { name: 'QuiesceError', code: 'USAGE' })
          assert.deepEqual(migration.save(), state)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('is one of another device, of another version, or of nothing that is stopped', async () => {
    const { migration, state } = await stopped()
    const other = attached(undefined, undefined, { queueSizes: [8, 4, 2] })
    await other.migration.stop()
    assert.throws(() => other.migration.load(state), { code: 'USAGE', message: /another device/ })
    const type = attached(undefined, undefined, { type: 43 })
    await type.migration.stop()
    assert.throws(() => type.migration.load(state), { code: 'USAGE' })
    const next = state.slice()
    next[4] = 2
    assert.throws(() => migration.load(next), { code: 'USAGE', message: /version 2/ })
    assert.throws(() => attached().migration.load(state), { code: 'USAGE', message: /not stopped/ })
  })

  it('harms nothing where it is whole but senseless: it is refused, or the device can be used again', async () => {
    const { state } = await stopped()
    const fingerprint = new DataView(state.buffer, state.byteOffset).getUint32(12, true)
    const parts = decodeDeviceState(fingerprint, state)
    const bent = (part: Uint8Array) =>
      fc.oneof(
        fc.constant(part),
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.tuple(fc.nat(Math.max(0, part.length - 1)), fc.nat(255)), { maxLength: 8 }).map((changes) => {
          const wrong = part.slice()
          for (const [at, to] of changes) wrong[at] = to
          return wrong
        }),
      )
    const states = fc.record({
      config: bent(parts.config),
      msix: bent(parts.msix),
      interrupts: bent(parts.interrupts),
      memory: bent(parts.memory),
      model: bent(parts.model),
    })
    let taken = 0
    await fc.assert(
      fc.asyncProperty(states, async (wrong) => {
        const it = attached()
        await it.migration.stop()
        const before = it.migration.save()
        try {
          it.migration.load(encodeDeviceState(fingerprint, wrong))
          taken++
        } catch (error) {
          assert.ok(error instanceof QuiesceError, String(error))
          assert.deepEqual(it.migration.save(), before)
        }
        it.migration.run()
        await new Promise((resolve) => setImmediate(resolve))
        await it.device.reset()
        it.memory.fill(0)
        start(it)
        it.driver.offer(it.driver.chain([answer]))
        it.driver.notify()
        await until('it is answered', () => it.driver.used().length === 1)
      }),
      { numRuns: 300 },
    )
    assert.ok(taken > 0, 'some of them are states that a device can be in')
  })

  it('is told by a checksum as everybody computes it', () => {
    assert.equal(checksum(new TextEncoder().encode('123456789')), 0xcbf4_3926)
    const [one, other] = [new Uint8Array([1, 2, 3]), new Uint8Array([4, 5])]
    assert.equal(checksum(other, checksum(one)), checksum(new Uint8Array([1, 2, 3, 4, 5])))
  })
})

describe('a virtio device that resets more than once at a time', () => {
  it('reads status 0 only once the last of them is over', async () => {
    let isWriting = false
    const it = attached(undefined, (_queue, request) => {
      it.client.memory.hold()
      isWriting = true
      return request.write(new Uint8Array(4))
    })
    it.client.memory.unmap(0n)
    const memory = it.client.memory.map(0n, 0x8000, 'read-write', false)
    const driver = new VirtioDriver(it.device, memory)
    start({ ...it, driver })
    driver.offer(driver.chain([answer]))
    driver.notify()
    await until('it writes', () => isWriting)
    driver.set('device_status', 0)
    driver.set('device_status', 0)
    await new Promise((resolve) => setTimeout(resolve, 5))
    assert.notEqual(driver.get('device_status'), 0)
    it.client.memory.answer()
    await until('it is reset', () => driver.get('device_status') === 0)
  })
})
