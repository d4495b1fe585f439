import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { barSize, decodeBars } from '../../../src/pci/bar.js'
import { configBytes } from '../../../src/pci/config-bytes.js'

function withDwords(dwords: Readonly<Record<number, number>>, headerType = 0, command = 7) {
  const bytes = new Uint8Array(64)
  const view = new DataView(bytes.buffer)
  view.setUint16(4, command, true)
  bytes[0x0e] = headerType
  for (const [offset, value] of Object.entries(dwords)) view.setUint32(Number(offset), value, true)
  return configBytes(bytes)
}

describe('BARs', () => {
  it('of 32 bits, prefetchable or not', () => {
    const [plain, prefetchable] = decodeBars(withDwords({ 16: 0xfe000000, 20: 0xe0000008 }))
    assert.deepEqual(plain, {
      index: 0,
      offset: 0x10,
      kind: 'memory',
      width: 32,
      prefetchable: false,
      address: 0xfe000000n,
      enabled: true,
    })
    assert.deepEqual([prefetchable?.prefetchable, prefetchable?.address], [true, 0xe0000000n])
  })

  it('of 64 bits take two registers', () => {
    const bars = decodeBars(withDwords({ 16: 0x0000000c, 20: 0x80, 24: 0xfe000000 }))
    assert.deepEqual(
      bars.map(({ index, width, address }) => [index, width, address]),
      [
        [0, 64, 0x8000000000n],
        [2, 32, 0xfe000000n],
      ],
    )
  })

  it('of 64 bits in the last register are a problem, not a crash', () => {
    const [bar] = decodeBars(withDwords({ 36: 0xfe000004 }))
    assert.deepEqual([bar?.index, bar?.width, bar?.problem], [5, 64, 'the upper half of a 64-bit BAR is missing'])
  })

  it('in I/O space', () => {
    const [bar] = decodeBars(withDwords({ 24: 0xc001 }))
    assert.deepEqual([bar?.kind, bar?.address, bar?.enabled], ['io', 0xc000n, true])
  })

  it('below one megabyte, and of the reserved type', () => {
    const [low, reserved] = decodeBars(withDwords({ 16: 0x000c0002, 20: 0x10000006 }))
    assert.deepEqual([low?.width, low?.problem], [20, undefined])
    assert.equal(reserved?.problem, 'reserved memory type 3')
  })

  it('that read as zero or all ones are not there', () => {
    assert.deepEqual(decodeBars(withDwords({ 20: 0xffffffff, 48: 0xffffffff })), [])
  })

  it('that read as zero are there where their size is known', () => {
    const [bar] = decodeBars(withDwords({}), [0x4000n])
    assert.deepEqual([bar?.index, bar?.address, bar?.size], [0, 0n, 0x4000n])
  })

  it('are enabled as Command says', () => {
    const bars = decodeBars(withDwords({ 16: 0xfe000000, 20: 0xc001, 48: 0xfea00001 }, 0, 0))
    assert.deepEqual(
      bars.map(({ enabled }) => enabled),
      [false, false, false],
    )
  })

  it('of the expansion ROM have an enable bit of their own', () => {
    const off = decodeBars(withDwords({ 48: 0xfea00000 })).at(-1)
    const on = decodeBars(withDwords({ 48: 0xfea00001 }), [
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      0x10000n,
    ]).at(-1)
    assert.deepEqual([off?.index, off?.address, off?.enabled], ['rom', 0xfea00000n, false])
    assert.deepEqual([on?.enabled, on?.size], [true, 0x10000n])
  })

  it('of a bridge are two, and its ROM lies elsewhere', () => {
    const dwords = { 16: 0xfe000000, 24: 0x00030201, 48: 0x12345678, 56: 0xfea00001 }
    const bars = decodeBars(withDwords(dwords, 1))
    assert.deepEqual(
      bars.map(({ index, offset }) => [index, offset]),
      [
        [0, 0x10],
        ['rom', 0x38],
      ],
    )
  })

  it('of an unknown header type are none', () => {
    assert.deepEqual(decodeBars(withDwords({ 16: 0xfe000000 }, 0x7f)), [])
  })
})

describe('the size of a BAR', () => {
  it('is what its writable bits leave', () => {
    assert.equal(barSize(0xfffff000n, 'memory', 32), 0x1000n)
    assert.equal(barSize(0xfffff00cn, 'memory', 32), 0x1000n)
    assert.equal(barSize(0xffffffe1n, 'io', 32), 0x20n)
    assert.equal(barSize(0xffe1n, 'io', 16), 0x20n)
    assert.equal(barSize(0xfffffffc0000000cn, 'memory', 64), 0x400000000n)
    assert.equal(barSize(0xffff0001n, 'rom', 32), 0x10000n)
  })

  it('is zero where none is writable', () => {
    assert.equal(barSize(0n, 'memory', 32), 0n)
    assert.equal(barSize(0xcn, 'memory', 64), 0n)
  })
})
