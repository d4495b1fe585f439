import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { DeclarationError } from '../../../src/bits/register.js'
import { struct } from '../../../src/bits/struct.js'

const Mixed = struct('mixed', { tag: 'u8', count: 'u16', size: 'u64', fd: 's32' })

describe('a struct', () => {
  it('aligns every field to its own size, and itself to the largest', () => {
    assert.deepEqual(Mixed.offsets, { tag: 0, count: 2, size: 8, fd: 16 })
    assert.equal(Mixed.size, 24)
  })

  it('is little-endian', () => {
    const bytes = Mixed.encode({ tag: 1, count: 0x0203, size: 0x1122334455667788n, fd: -2 })
    const expected = [1, 0, 3, 2, 0, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xfe, 0xff, 0xff, 0xff]
    assert.deepEqual([...bytes], [...expected, 0, 0, 0, 0])
  })

  it('writes only the fields that are named', () => {
    const bytes = new Uint8Array(24).fill(0xaa)
    Mixed.encode({ count: 0 }, bytes)
    assert.deepEqual([...bytes.subarray(0, 5)], [0xaa, 0xaa, 0, 0, 0xaa])
  })

  it('is read and written at an offset, in a view of a larger buffer too', () => {
    const buffer = new Uint8Array(64)
    const view = buffer.subarray(16)
    Mixed.encode({ fd: -1 }, view, 8)
    assert.equal(Mixed.decode(view, 8).fd, -1)
    assert.equal(buffer[16 + 8 + 16], 0xff)
  })

  it('refuses bytes that end before it does', () => {
    assert.throws(
      () => Mixed.decode(new Uint8Array(23)),
      /Cannot decode mixed at 0: it takes 24 bytes and 23 are there/,
    )
    assert.throws(() => Mixed.encode({ tag: 1 }, new Uint8Array(24), 1), RangeError)
    assert.throws(() => Mixed.decode(new Uint8Array(24), -1), RangeError)
  })

  it('refuses a value that does not fit its type', () => {
    assert.throws(() => Mixed.encode({ tag: 256 }), /Cannot encode mixed\.tag: 256 does not fit in u8/)
    assert.throws(() => Mixed.encode({ tag: -1 }), RangeError)
    assert.throws(() => Mixed.encode({ size: 1n << 64n }), RangeError)
    assert.throws(() => Mixed.encode({ fd: 2 ** 31 }), RangeError)
    assert.throws(() => Mixed.encode({ count: 0.5 }), RangeError)
  })

  it('refuses a field that it does not have', () => {
    const wrong = { nothing: 1 } as unknown as { tag: number }
    assert.throws(() => Mixed.encode(wrong), DeclarationError)
  })

  it('refuses to have no fields', () => {
    assert.throws(() => struct('empty', {}), /Cannot declare struct empty/)
  })

  it('gives back what was encoded, whatever it was', () => {
    const values = fc.record({
      tag: fc.nat(0xff),
      count: fc.nat(0xffff),
      size: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      fd: fc.integer(),
    })
    fc.assert(fc.property(values, (value) => assert.deepEqual(Mixed.decode(Mixed.encode(value)), { ...value })))
  })
})
