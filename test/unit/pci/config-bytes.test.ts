import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { configBytes } from '../../../src/pci/config-bytes.js'

describe('configuration space in memory', () => {
  const buffer = Uint8Array.from([0xff, 0x86, 0x80, 0xd3, 0xf0])
  const reader = configBytes(buffer.subarray(1))

  it('is read in three widths, unsigned and little-endian, in a view of a larger buffer too', () => {
    assert.equal(reader.size, 4)
    assert.deepEqual([reader.read(0, 1), reader.read(0, 2), reader.read(0, 4)], [0x86, 0x8086, 0xf0d38086])
  })

  it('is not read outside its bytes', () => {
    for (const offset of [-1, 1, 4]) {
      assert.throws(
        () => reader.read(offset, 4),
        (error) => error instanceof QuiesceError && error.code === 'CONFIG_ACCESS',
      )
    }
  })
})
