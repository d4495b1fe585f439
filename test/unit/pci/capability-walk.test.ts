import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  findCapability,
  findExtendedCapability,
  walkCapabilities,
  walkExtendedCapabilities,
} from '../../../src/pci/capability-walk.js'
import { configBytes } from '../../../src/pci/config-bytes.js'

/** A space with the capability list bit set, the head of the list at 0x40, and these bytes. */
function space(bytes: Readonly<Record<number, readonly number[]>>, size = 256) {
  const config = new Uint8Array(size)
  config[6] = 0x10
  config[0x34] = 0x40
  for (const [offset, values] of Object.entries(bytes)) config.set(values, Number(offset))
  return configBytes(config)
}

describe('the standard capability list', () => {
  it('is walked in the order of its pointers, not of its offsets', () => {
    const { entries, problem } = walkCapabilities(space({ 64: [1, 0x80], 128: [5, 0x50], 80: [0x11, 0] }))
    assert.deepEqual(entries, [
      { id: 1, offset: 0x40 },
      { id: 5, offset: 0x80 },
      { id: 0x11, offset: 0x50 },
    ])
    assert.equal(problem, undefined)
  })

  it('is empty where Status has no list, whatever the pointer says', () => {
    assert.deepEqual(walkCapabilities(space({ 6: [0], 64: [1, 0] })), { entries: [] })
  })

  it('that is cyclic ends, and the entries before the cycle are kept', () => {
    const walk = walkCapabilities(space({ 64: [1, 0x50], 80: [5, 0x40] }))
    assert.equal(walk.entries.length, 2)
    assert.deepEqual(walk.stop, { reason: 'loop', offset: 0x40 })
    assert.equal(walk.problem, 'the list returns to 0x40')
  })

  it('has the reserved bits of its pointers masked', () => {
    const { entries } = walkCapabilities(space({ 52: [0x43], 64: [1, 0x51], 80: [5, 2] }))
    assert.deepEqual(
      entries.map(({ offset }) => offset),
      [0x40, 0x50],
    )
  })

  it('that points into the header ends there', () => {
    const walk = walkCapabilities(space({ 64: [1, 0x3c] }))
    assert.deepEqual([walk.entries.length, walk.stop], [1, { reason: 'reserved', offset: 0x3c }])
  })

  it('that leads past the bytes that can be read ends there', () => {
    const walk = walkCapabilities(space({}, 64))
    assert.deepEqual([walk.entries, walk.stop?.reason], [[], 'outside'])
  })

  it('that leads to all ones ends there', () => {
    const walk = walkCapabilities(space({ 64: [0xff, 0xff] }))
    assert.deepEqual([walk.entries, walk.stop?.reason], [[], 'all-ones'])
  })

  it('of a device that reads as all ones everywhere has no entries', () => {
    const walk = walkCapabilities(configBytes(new Uint8Array(256).fill(0xff)))
    assert.deepEqual([walk.entries, walk.stop?.reason], [[], 'all-ones'])
  })

  it('of a CardBus bridge begins elsewhere', () => {
    const { entries } = walkCapabilities(space({ 14: [2], 20: [0xa0], 52: [0], 160: [1, 0] }))
    assert.deepEqual(entries, [{ id: 1, offset: 0xa0 }])
  })

  it('ends with at most 48 entries on any bytes, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 256, maxLength: 256 }), (bytes) => {
        bytes[6] = (bytes[6] ?? 0) | 0x10
        const { entries, stop } = walkCapabilities(configBytes(bytes))
        assert.ok(entries.length <= 48)
        assert.ok(entries.every(({ offset }) => offset >= 0x40 && offset % 4 === 0))
        assert.notEqual(stop?.reason, 'too-long')
      }),
    )
  })
})

/** The header of an extended capability. */
const header = (id: number, version: number, next: number) => [
  id & 0xff,
  id >> 8,
  version | ((next & 0xf) << 4),
  next >> 4,
]

describe('the extended capability list', () => {
  it('is walked, versions included', () => {
    const { entries, problem } = walkExtendedCapabilities(
      space({ 256: header(1, 2, 0x140), 320: header(0x10, 1, 0x200), 512: header(0x0d, 1, 0) }, 4096),
    )
    assert.deepEqual(entries, [
      { id: 1, version: 2, offset: 0x100 },
      { id: 0x10, version: 1, offset: 0x140 },
      { id: 0x0d, version: 1, offset: 0x200 },
    ])
    assert.equal(problem, undefined)
  })

  it('is empty in 256 bytes, in zeros and in all ones', () => {
    assert.deepEqual(walkExtendedCapabilities(space({})), { entries: [] })
    assert.deepEqual(walkExtendedCapabilities(space({}, 4096)), { entries: [] })
    assert.deepEqual(walkExtendedCapabilities(space({ 256: [255, 255, 255, 255] }, 4096)), { entries: [] })
  })

  it('that is cyclic ends', () => {
    const walk = walkExtendedCapabilities(space({ 256: header(1, 1, 0x100) }, 4096))
    assert.deepEqual([walk.entries.length, walk.stop], [1, { reason: 'loop', offset: 0x100 }])
  })

  it('that points back into conventional space ends there', () => {
    const walk = walkExtendedCapabilities(space({ 256: header(1, 1, 0x40) }, 4096))
    assert.deepEqual([walk.entries.length, walk.stop], [1, { reason: 'reserved', offset: 0x40 }])
  })

  it('ends with at most 256 entries on any bytes, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4096, maxLength: 4096 }), (bytes) => {
        assert.ok(walkExtendedCapabilities(configBytes(bytes)).entries.length <= 256)
      }),
      { numRuns: 30 },
    )
  })

  it('that never repeats a pointer is cut at 256 entries', () => {
    const config = new Uint8Array(4096)
    for (let at = 0x100; at < 4096; at += 4) config.set(header(0x0b, 1, at + 4 < 4096 ? at + 4 : 0x100), at)
    const walk = walkExtendedCapabilities(configBytes(config))
    assert.deepEqual([walk.entries.length, walk.stop], [256, { reason: 'too-long', offset: 0x500 }])
  })
})

describe('finding a capability', () => {
  it('gives the first one of that id', () => {
    const reader = space({ 64: [9, 0x50], 80: [9, 0], 256: header(0x10, 1, 0) }, 4096)
    assert.equal(findCapability(reader, 9), 0x40)
    assert.equal(findExtendedCapability(reader, 0x10), 0x100)
  })

  it('gives nothing where there is none', () => {
    assert.equal(findCapability(space({ 64: [9, 0] }), 0x10), undefined)
    assert.equal(findExtendedCapability(space({}, 4096), 0x10), undefined)
  })
})
