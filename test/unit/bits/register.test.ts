import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { DeclarationError, register } from '../../../src/bits/register.js'

const Control = register('CONTROL', 16, { enable: [0], size: [7, 5], mode: [14, 12], busy: [15] })

describe('a register', () => {
  it('decodes one bit as a flag and several as a number', () => {
    assert.deepEqual(Control.decode(0x9061), { enable: true, size: 3, mode: 1, busy: true })
  })

  it('decodes a field that takes all 32 bits without a sign', () => {
    const Address = register('ADDRESS', 32, { value: [31, 0] })
    assert.deepEqual(Address.decode(0xfffffff0), { value: 0xfffffff0 })
    assert.equal(Address.encode({ value: 0xfffffff0 }), 0xfffffff0)
  })

  it('encodes into zero where no base is given', () => {
    assert.equal(Control.encode({ enable: true, mode: 7 }), 0x7001)
  })

  it('keeps every bit that it does not name, reserved ones included', () => {
    assert.equal(Control.encode({ size: 0 }, 0xffff), 0xff1f)
    assert.equal(Control.encode({ enable: false }, 0x0e1e), 0x0e1e)
  })

  it('leaves a field alone whose value is undefined', () => {
    const some: { enable?: boolean } = {}
    assert.equal(Control.encode({ ...some, busy: true }, 1), 0x8001)
  })

  it('masks one field, several, and none', () => {
    assert.equal(Control.mask('size'), 0xe0)
    assert.equal(Control.mask('size', 'busy'), 0x80e0)
    assert.equal(Control.mask(), 0)
  })

  it('refuses a value that does not fit its field', () => {
    for (const size of [8, -1, 1.5, Number.NaN]) assert.throws(() => Control.encode({ size }), RangeError)
  })

  it('refuses a field that it does not have', () => {
    const wrong = { nothing: 1 } as unknown as { size: number }
    assert.throws(() => Control.encode(wrong), DeclarationError)
    assert.throws(() => Control.mask('nothing' as 'size'), DeclarationError)
  })

  it('gives back what was encoded, whatever it was', () => {
    const values = fc.record({
      enable: fc.boolean(),
      size: fc.nat(7),
      mode: fc.nat(7),
      busy: fc.boolean(),
    })
    fc.assert(
      fc.property(values, fc.nat(0xffff), (value, base) => {
        const raw = Control.encode(value, base)
        assert.deepEqual(Control.decode(raw), { ...value })
        const reserved = 0xffff & ~Control.mask('enable', 'size', 'mode', 'busy')
        assert.equal(raw & reserved, base & reserved)
      }),
    )
  })
})

describe('a declaration of a register is refused', () => {
  it('where fields overlap', () => {
    assert.throws(() => register('R', 8, { a: [3, 0], b: [3] }), /Cannot declare R\.b: it overlaps another field/)
  })

  it('where a field leaves the width', () => {
    assert.throws(() => register('R', 8, { a: [8] }), DeclarationError)
    assert.throws(() => register('R', 16, { a: [16, 12] }), DeclarationError)
    assert.throws(() => register('R', 8, { a: [-1] }), DeclarationError)
  })

  it('where a field is written the wrong way round, or not with whole numbers', () => {
    assert.throws(() => register('R', 8, { a: [0, 3] }), DeclarationError)
    assert.throws(() => register('R', 8, { a: [1.5] }), DeclarationError)
  })
})
