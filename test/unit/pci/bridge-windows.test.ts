import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeBridgeWindows } from '../../../src/pci/bridge-windows.js'
import { configBytes } from '../../../src/pci/config-bytes.js'

function windows(bytes: Readonly<Record<number, readonly number[]>>) {
  const config = new Uint8Array(64)
  for (const [offset, values] of Object.entries(bytes)) config.set(values, Number(offset))
  return decodeBridgeWindows(configBytes(config)).map(({ width, base, limit, enabled, problem }) => ({
    width,
    base,
    limit,
    enabled,
    ...(problem === undefined ? {} : { problem }),
  }))
}

describe('the windows of a bridge', () => {
  it('of 16-bit I/O, memory and 64-bit prefetchable memory', () => {
    const [io, memory, prefetchable] = windows({
      28: [0xc0, 0xd0],
      32: [0x00, 0xfe, 0x10, 0xfe],
      36: [0x01, 0x00, 0xf1, 0x0f],
      40: [0x80, 0, 0, 0, 0x80, 0, 0, 0],
    })
    assert.deepEqual(io, { width: 16, base: 0xc000n, limit: 0xdfffn, enabled: true })
    assert.deepEqual(memory, { width: 32, base: 0xfe000000n, limit: 0xfe1fffffn, enabled: true })
    assert.deepEqual(prefetchable, { width: 64, base: 0x8000000000n, limit: 0x800fffffffn, enabled: true })
  })

  it('of 32-bit I/O', () => {
    const [io] = windows({ 28: [0x11, 0x21], 48: [1, 0, 1, 0] })
    assert.deepEqual(io, { width: 32, base: 0x11000n, limit: 0x12fffn, enabled: true })
  })

  it('that end before they begin forward nothing', () => {
    const [io] = windows({ 28: [0xf0, 0x00] })
    assert.equal(io?.enabled, false)
  })

  it('with address types that do not match are a problem', () => {
    const [io, memory] = windows({ 28: [0x01, 0x10], 32: [0x02, 0, 0x02, 0] })
    assert.deepEqual([io?.enabled, io?.problem], [false, 'unknown address types 0x1 and 0x10'])
    assert.equal(memory?.problem, 'unknown address types 0x2 and 0x2')
  })
})
