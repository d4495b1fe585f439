import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { InfoCapHeader } from '../../../src/vfio/abi/vfio-structs.js'
import { walkInfoCapabilities } from '../../../src/vfio/capability-chain.js'

const infoSize = 32

/** Bytes with capability headers at the offsets given. */
function chain(length: number, headers: Readonly<Record<number, { id: number; next: number }>>): Uint8Array {
  const bytes = new Uint8Array(length)
  for (const [offset, { id, next }] of Object.entries(headers)) {
    InfoCapHeader.encode({ id, version: 1, next }, bytes, Number(offset))
  }
  return bytes
}

const idsOf = (bytes: Uint8Array, first = infoSize) => walkInfoCapabilities(bytes, first, infoSize).map(({ id }) => id)

describe('the capabilities of an info struct', () => {
  it('are found in order, with version and offset', () => {
    const bytes = chain(80, { 32: { id: 1, next: 48 }, 48: { id: 3, next: 0 } })
    assert.deepEqual(walkInfoCapabilities(bytes, 32, infoSize), [
      { id: 1, version: 1, offset: 32 },
      { id: 3, version: 1, offset: 48 },
    ])
  })

  it('are none where the first offset is zero', () => {
    assert.deepEqual(idsOf(chain(80, { 32: { id: 1, next: 0 } }), 0), [])
  })

  it('are none where the chain begins inside the struct itself', () => {
    assert.deepEqual(idsOf(new Uint8Array(80), 8), [])
  })

  it('end where a chain points at itself', () => {
    assert.deepEqual(idsOf(chain(80, { 32: { id: 1, next: 32 } })), [1])
  })

  it('end where a chain runs in a circle', () => {
    assert.deepEqual(idsOf(chain(80, { 32: { id: 1, next: 48 }, 48: { id: 2, next: 32 } })), [1, 2])
  })

  it('end where a capability overlaps the one before', () => {
    assert.deepEqual(idsOf(chain(80, { 32: { id: 1, next: 36 } })), [1])
  })

  it('end where the chain leaves the bytes', () => {
    assert.deepEqual(idsOf(chain(80, { 32: { id: 1, next: 4096 } })), [1])
    assert.deepEqual(idsOf(chain(80, { 32: { id: 1, next: 76 } })), [1], 'half a header is none')
    assert.deepEqual(idsOf(chain(80, { 32: { id: 1, next: 72 }, 72: { id: 2, next: 0xffff_ffff } })), [1, 2])
  })
})
