import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RegionInfo } from '../../../src/vfio/abi/vfio-structs.js'
import { deviceFeature, probeFeatures } from '../../../src/vfio/device-features.js'
import { queryInfo } from '../../../src/vfio/query-info.js'

const fields = (bytes: Uint8Array) => RegionInfo.decode(bytes)

describe('an info struct that grows', () => {
  it('is asked for once where it fits', () => {
    let calls = 0
    const result = queryInfo(RegionInfo, (bytes) => {
      calls++
      assert.equal(fields(bytes).argsz, RegionInfo.size)
      return { ok: true, value: 0 }
    })
    assert.ok(result.ok)
    assert.equal(result.bytes.byteLength, RegionInfo.size)
    assert.equal(calls, 1)
  })

  it('is asked for again with the room that the kernel wants, the same selection, and nothing left over', () => {
    const rooms: number[] = []
    const result = queryInfo(
      RegionInfo,
      (bytes) => {
        const { argsz, index, flags } = fields(bytes)
        rooms.push(argsz)
        assert.deepEqual([bytes.byteLength, index, flags], [argsz, 5, 0])
        RegionInfo.encode({ argsz: 100, flags: 8 }, bytes)
        return { ok: true, value: 0 }
      },
      (bytes) => RegionInfo.encode({ index: 5 }, bytes),
    )
    assert.ok(result.ok)
    assert.deepEqual(rooms, [RegionInfo.size, 100])
    assert.equal(result.bytes.byteLength, 100)
  })

  it('passes errno on', () => {
    assert.deepEqual(
      queryInfo(RegionInfo, () => ({ ok: false, errno: 22 })),
      { ok: false, errno: 22 },
    )
  })

  it('does not follow a wild size', () => {
    const result = queryInfo(RegionInfo, (bytes) => {
      RegionInfo.encode({ argsz: 0xffff_ffff }, bytes)
      return { ok: true, value: 0 }
    })
    assert.ok(result.ok)
    assert.equal(result.bytes.byteLength, RegionInfo.size)
  })
})

describe('probing features', () => {
  it('only ever probes, and lists what may be got and what may be set', () => {
    const get = 1 << 16
    const set = 1 << 17
    const probe = 1 << 18
    const supported = probeFeatures((bytes) => {
      const [argsz = 0, flags = 0] = new Uint32Array(bytes.buffer)
      assert.equal(argsz, 8)
      assert.equal(flags & probe, probe)
      const index = flags & 0xffff
      const isSupported =
        (index === deviceFeature.LOW_POWER_ENTRY && (flags & set) !== 0) ||
        (index === deviceFeature.MIGRATION && (flags & get) !== 0)
      return isSupported ? { ok: true, value: 0 } : { ok: false, errno: 25 }
    })
    assert.deepEqual(supported, [
      { name: 'MIGRATION', get: true, set: false },
      { name: 'LOW_POWER_ENTRY', get: false, set: true },
    ])
  })
})
