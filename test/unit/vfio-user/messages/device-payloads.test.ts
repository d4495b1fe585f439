import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  client,
  packed,
  payloadOf,
  raw,
  reasonOf,
  receive,
  replyFlag,
  server,
  terms,
  u8,
  u16,
  u32,
  u64,
} from './wire.js'

const regionInfo = (flags: number, capOffset: number, more: readonly number[] = []) =>
  raw({
    command: 5,
    flags: replyFlag,
    payload: [...packed(u32(32 + more.length), u32(flags), u32(0), u32(capOffset), u64(0x4000), u64(0)), ...more],
  })

const capability = (next: number) => packed(u16(1), u16(1), u32(next))
const caps = 8

describe('the questions about a device', () => {
  const questions = [
    { name: 'DEVICE_GET_INFO', command: 4, size: 16 },
    { name: 'DEVICE_GET_REGION_INFO', command: 5, size: 32 },
    { name: 'DEVICE_GET_REGION_IO_FDS', command: 6, size: 16 },
    { name: 'DEVICE_GET_IRQ_INFO', command: 7, size: 16 },
  ]
  for (const { name, command, size } of questions) {
    const asked = (argsz: number, length = size) => [...packed(u32(argsz)), ...new Array(length - 4).fill(0)]

    it(`${name} is accepted with the room that the reply takes`, () => {
      assert.equal(receive(raw({ command, payload: asked(size) })).kind, 'request')
    })

    it(`${name} is refused with an argsz below that`, () => {
      assert.equal(reasonOf(raw({ command, payload: asked(size - 1) })), 'argsz')
    })

    it(`${name} is refused with a payload that is cut short`, () => {
      assert.equal(reasonOf(raw({ command, payload: asked(size, size - 1) })), 'length')
    })

    it(`${name} is accepted from a peer that knows a longer struct`, () => {
      assert.equal(receive(raw({ command, payload: asked(size + 8, size + 8) })).kind, 'request')
    })
  }
})

describe('the reply to DEVICE_GET_REGION_INFO', () => {
  it('may be the struct alone', () => {
    assert.equal(receive(regionInfo(3, 0), client).kind, 'reply')
  })

  it('may have a chain of capabilities', () => {
    assert.equal(receive(regionInfo(caps, 32, [...capability(40), ...capability(0)]), client).kind, 'reply')
  })

  it('is refused if the chain leaves the payload', () => {
    assert.equal(reasonOf(regionInfo(caps, 33, capability(0)), client), 'length')
    assert.equal(reasonOf(regionInfo(caps, 32, capability(0xfffffff0)), client), 'length')
  })

  it('is refused if the chain begins in the struct', () => {
    assert.equal(reasonOf(regionInfo(caps, 8, capability(0)), client), 'length')
  })

  it('is refused if the chain runs in a circle', () => {
    assert.equal(reasonOf(regionInfo(caps, 32, capability(32)), client), 'length')
  })

  it('has as many descriptors as came', () => {
    const outcome = receive(regionInfo(7, 0), client, 2)
    assert.equal(outcome.kind === 'reply' && outcome.fds, 2)
  })
})

describe('DEVICE_GET_REGION_IO_FDS', () => {
  const asked = (argsz: number, flags: number, count: number) =>
    raw({ command: 6, payload: packed(u32(argsz), u32(flags), u32(0), u32(count)) })

  it('is refused with flags', () => {
    assert.equal(reasonOf(asked(16, 1, 0)), 'flags')
  })

  it('is refused with a count', () => {
    assert.equal(reasonOf(asked(16, 0, 1)), 'count')
  })

  it('is refused with an argsz beyond what one message may carry', () => {
    assert.equal(reasonOf(asked(terms.maxDataTransfer + 1, 0, 0)), 'argsz')
  })

  const subRegion = (fd: number) => packed(u64(0), u64(4), u32(fd), u32(0), u32(0), u32(0), u64(0))
  const answered = (count: number, more: readonly number[]) =>
    raw({
      command: 6,
      flags: replyFlag,
      payload: [...packed(u32(16 + 40 * count), u32(0), u32(0), u32(count)), ...more],
    })

  it('is answered with sub-regions of 40 bytes', () => {
    const payload = payloadOf(answered(2, [...subRegion(0), ...subRegion(1)]), client, 2)
    assert.equal((payload as { items: object[] }).items.length, 2)
  })

  it('may be answered with their number alone', () => {
    assert.deepEqual((payloadOf(answered(2, []), client) as { items: object[] }).items, [])
  })

  it('is refused as a reply with fewer than it counts', () => {
    assert.equal(reasonOf(answered(2, subRegion(0)), client, 1), 'length')
    assert.equal(reasonOf(answered(0xffffffff, subRegion(0)), client, 1), 'length')
  })

  it('is refused as a reply that names a descriptor which did not come', () => {
    assert.equal(reasonOf(answered(1, subRegion(1)), client, 1), 'fds')
  })
})

describe('DEVICE_SET_IRQS', () => {
  const data = { none: 1, bool: 2, eventfd: 4 }
  const action = { mask: 8, unmask: 16, trigger: 32 }
  interface Set {
    readonly argsz?: number
    readonly flags: number
    readonly index?: number
    readonly start?: number
    readonly count?: number
    readonly bools?: readonly number[]
  }
  const set = ({ argsz = 20, flags, index = 2, start = 0, count = 1, bools = [] }: Set) =>
    raw({ command: 8, payload: [...packed(u32(argsz), u32(flags), u32(index), u32(start), u32(count)), ...bools] })

  it('connects eventfds, one for each interrupt', () => {
    const outcome = receive(set({ flags: data.eventfd | action.trigger, count: 3 }), server, 3)
    assert.equal(outcome.kind === 'request' && outcome.fds, 3)
  })

  it('takes them away if none come', () => {
    assert.equal(receive(set({ flags: data.eventfd | action.trigger, count: 3 })).kind, 'request')
  })

  it('is refused with fewer or more eventfds than interrupts', () => {
    assert.equal(reasonOf(set({ flags: data.eventfd | action.trigger, count: 3 }), server, 2), 'fds')
    assert.equal(reasonOf(set({ flags: data.eventfd | action.trigger, count: 3 }), server, 4), 'fds')
  })

  it('is refused with descriptors where the data is not eventfds', () => {
    assert.equal(reasonOf(set({ flags: data.none | action.trigger }), server, 1), 'fds')
    assert.equal(reasonOf(set({ flags: data.bool | action.trigger, bools: [1] }), server, 1), 'fds')
  })

  it('turns an index off with a count of 0', () => {
    assert.equal(receive(set({ flags: data.none | action.trigger, count: 0 })).kind, 'request')
  })

  it('is refused with a count of 0 and anything but NONE and TRIGGER', () => {
    assert.equal(reasonOf(set({ flags: data.eventfd | action.trigger, count: 0 })), 'count')
    assert.equal(reasonOf(set({ flags: data.none | action.mask, count: 0 })), 'count')
  })

  it('is refused with a count of 0 and a start', () => {
    assert.equal(reasonOf(set({ flags: data.none | action.trigger, start: 1, count: 0 })), 'count')
  })

  it('is refused if start and count together leave 32 bits', () => {
    assert.equal(reasonOf(set({ flags: data.none | action.trigger, start: 2, count: 0xffffffff })), 'count')
  })

  it('is refused with an argsz below its struct', () => {
    assert.equal(reasonOf(set({ argsz: 19, flags: data.none | action.trigger })), 'argsz')
  })

  it('is refused without data or without action', () => {
    assert.equal(reasonOf(set({ flags: action.trigger })), 'flags')
    assert.equal(reasonOf(set({ flags: data.none })), 'flags')
  })

  it('is refused with two kinds of data or two actions', () => {
    assert.equal(reasonOf(set({ flags: data.none | data.bool | action.trigger, bools: [1] })), 'flags')
    assert.equal(reasonOf(set({ flags: data.none | action.mask | action.unmask })), 'flags')
  })

  it('is refused with a flag that is not defined', () => {
    assert.equal(reasonOf(set({ flags: data.none | action.trigger | 64 })), 'flags')
  })

  it('is refused for an index that PCI does not have', () => {
    assert.equal(reasonOf(set({ flags: data.none | action.trigger, index: 5 })), 'index')
  })

  it('has one bool for each interrupt', () => {
    const payload = payloadOf(set({ flags: data.bool | action.mask, count: 2, bools: packed(u8(0), u8(1)) }))
    assert.deepEqual((payload as { bools?: Uint8Array }).bools, Uint8Array.of(0, 1))
  })

  it('is refused with fewer or more bools than interrupts', () => {
    assert.equal(reasonOf(set({ flags: data.bool | action.mask, count: 2, bools: [1] })), 'length')
    assert.equal(reasonOf(set({ flags: data.bool | action.mask, count: 2, bools: [1, 1, 1] })), 'length')
    assert.equal(reasonOf(set({ flags: data.bool | action.mask, count: 0xffffffff, bools: [1] })), 'length')
  })

  for (const [name, index] of [
    ['ERR', 3],
    ['REQ', 4],
  ] as const) {
    it(`only triggers ${name}`, () => {
      assert.equal(reasonOf(set({ flags: data.none | action.mask, index })), 'flags')
    })

    it(`has one interrupt of ${name}`, () => {
      assert.equal(reasonOf(set({ flags: data.none | action.trigger, index, count: 2 })), 'count')
    })
  }
})
