// Driver and device on processors of their own: every access of either to memory is a step, and the steps come in any order.
// Whatever that order is, all that was offered is answered, and the driver hears of it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { ClientMemory } from '../../../src/kit/client-memory.js'
import { DeviceSession } from '../../../src/kit/device-session.js'
import { deviceStatus } from '../../../src/kit/virtio/common-config.js'
import { Descriptor, descriptorFlag } from '../../../src/kit/virtio/descriptor-chain.js'
import { Negotiation } from '../../../src/kit/virtio/negotiation.js'
import { needsEvent } from '../../../src/kit/virtio/split-virtqueue.js'
import { feature, layout } from './virtio-driver.js'

const size = 4
const place = {
  available: layout.driver + 2,
  slots: layout.driver + 4,
  usedEvent: layout.driver + 4 + 2 * size,
  used: layout.device + 2,
  elements: layout.device + 4,
  availableEvent: layout.device + 4 + 8 * size,
} as const

/** Memory whose every access by the device waits until it is let through. */
class SteppedMemory implements ClientMemory {
  readonly bytes = new DataView(new ArrayBuffer(0x8000))
  readonly #waiting: (() => void)[] = []

  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** Lets one access through, and the device go on to its next. */
  async step(): Promise<void> {
    this.#waiting.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }

  view(): undefined {
    return undefined
  }

  read(address: bigint, into: Uint8Array): Promise<void> {
    return this.#wait(() => into.set(new Uint8Array(this.bytes.buffer, Number(address), into.length)))
  }

  write(address: bigint, from: Uint8Array): Promise<void> {
    const copy = from.slice()
    return this.#wait(() => new Uint8Array(this.bytes.buffer).set(copy, Number(address)))
  }

  markDirty(): void {}

  #wait(access: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(() => {
        access()
        resolve()
      })
    })
  }
}

/** Linux's way with a queue (drivers/virtio/virtio_ring.c), as generators that yield between two accesses to memory. */
class SteppedDriver {
  interrupts = 0
  taken: number[] = []
  readonly #memory: DataView
  readonly #kick: () => void
  readonly #batch: number
  readonly #isDelayed: boolean
  #available: number
  #lastUsed: number
  #left: number
  #free = [0, 1, 2, 3]

  constructor(
    memory: DataView,
    kick: () => void,
    options: { start: number; requests: number; batch: number; delayed: boolean },
  ) {
    this.#memory = memory
    this.#kick = kick
    this.#available = options.start
    this.#lastUsed = options.start
    this.#left = options.requests
    this.#batch = options.batch
    this.#isDelayed = options.delayed
    memory.setUint16(place.available, options.start, true)
    memory.setUint16(place.used, options.start, true)
    memory.setUint16(place.usedEvent, options.start, true)
    memory.setUint16(place.availableEvent, options.start, true)
  }

  get hasLeft(): boolean {
    return this.#left > 0 && this.#free.length > 0
  }

  /** Offers a few buffers, then kicks if the device wants that (virtqueue_add, virtqueue_kick_prepare). */
  *offer(): Generator<void> {
    const before = this.#available
    for (let i = 0; i < this.#batch && this.hasLeft; i++) {
      const id = this.#free.shift() ?? 0
      const values = { addr: BigInt(layout.buffers), len: 4, flags: descriptorFlag.write, next: 0 }
      Descriptor.encode(values, new Uint8Array(this.#memory.buffer), layout.descriptors + id * Descriptor.size)
      this.#memory.setUint16(place.slots + 2 * (this.#available % size), id, true)
      yield
      this.#available = (this.#available + 1) & 0xffff
      this.#left--
      this.#memory.setUint16(place.available, this.#available, true)
      yield
    }
    if (needsEvent(this.#memory.getUint16(place.availableEvent, true), this.#available, before)) this.#kick()
  }

  /** Takes what there is, and sleeps once there is no more (virtqueue_get_buf, virtqueue_enable_cb, _delayed). */
  *handle(): Generator<void> {
    for (;;) {
      while (this.#used() !== this.#lastUsed) {
        yield
        const at = place.elements + 8 * (this.#lastUsed % size)
        const id = this.#memory.getUint32(at, true)
        this.taken.push(id)
        this.#free.push(id)
        this.#lastUsed = (this.#lastUsed + 1) & 0xffff
        yield
      }
      const outstanding = (this.#available - this.#lastUsed) & 0xffff
      const wait = this.#isDelayed ? Math.floor((outstanding * 3) / 4) : 0
      this.#memory.setUint16(place.usedEvent, (this.#lastUsed + wait) & 0xffff, true)
      yield
      if (((this.#used() - this.#lastUsed) & 0xffff) <= wait) return
    }
  }

  #used(): number {
    return this.#memory.getUint16(place.used, true)
  }
}

const scenario = fc.record({
  start: fc.constantFrom(0, 0xfffd),
  requests: fc.integer({ min: 1, max: 8 }),
  batch: fc.integer({ min: 1, max: 2 }),
  delayed: fc.boolean(),
  // Who goes on, and for how many steps: either side gets far ahead of the other at times.
  choices: fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 12 })), { maxLength: 60 }),
})

describe('event indexes, in any order of accesses', () => {
  it('lose neither a buffer nor an interrupt', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ choices, ...options }) => {
        const memory = new SteppedMemory()
        const session = new DeviceSession({
          memory,
          mayMaster: true,
          held: undefined,
          interruptKind: 'msix',
          pending: () => {},
          raise: () => {},
          lowerIntx: () => {},
          barMemory: () => undefined,
        })
        const device = new Negotiation(
          session,
          { type: 4, classCode: 0, queueSizes: [size], serve: (_queue, request) => request.write(new Uint8Array(1)) },
          (why) => {
            assert.equal(why, 'queue')
            driver.interrupts++
          },
        )
        const driver = new SteppedDriver(memory.bytes, () => device.notify(0), options)
        const { acknowledge, driver: bound, featuresOk, driverOk } = deviceStatus
        device.restore({
          accepted: feature.version1 | feature.eventIndex,
          status: acknowledge | bound | featuresOk | driverOk,
          configVector: 0,
          device_feature_select: 0,
          guest_feature_select: 0,
          queue_select: 0,
          queues: [
            {
              size,
              vector: 1,
              isEnabled: true,
              words: { queue_desc_lo: layout.descriptors, queue_avail_lo: layout.driver, queue_used_lo: layout.device },
              position: options.start,
            },
          ],
        })
        let offering: Generator<void> | undefined
        let handling: Generator<void> | undefined
        const steps = [
          async () => {
            const isWaiting = memory.hasWaiting
            if (isWaiting) await memory.step()
            return isWaiting
          },
          async () => {
            if (offering === undefined && driver.hasLeft) offering = driver.offer()
            if (offering === undefined) return false
            if (offering.next().done) offering = undefined
            return true
          },
          async () => {
            if (handling === undefined && driver.interrupts > 0) {
              driver.interrupts = 0
              handling = driver.handle()
            }
            if (handling === undefined) return false
            if (handling.next().done) handling = undefined
            return true
          },
        ]
        for (const [who, count] of choices) for (let i = 0; i < count; i++) await steps[who]?.()
        // Until nobody has anything to do any more.
        for (let idle = 0; idle < steps.length; ) {
          idle = 0
          for (const step of steps) if (!(await step())) idle++
        }
        assert.equal(driver.taken.length, options.requests, 'the driver has heard of every one')
        await session.end()
      }),
      { numRuns: 500 },
    )
  })
})
