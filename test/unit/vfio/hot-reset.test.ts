import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PciDependentDevice, PciHotResetInfo } from '../../../src/vfio/abi/vfio-structs.js'
import { encodeHotReset, parseHotResetInfo, queryHotResetInfo } from '../../../src/vfio/hot-reset.js'

const ENOSPC = 28
const devices = [
  { group_id: 7, segment: 0, bus: 3, devfn: 0 },
  { group_id: 8, segment: 0, bus: 3, devfn: 1 },
  { group_id: 12, segment: 0x1ab, bus: 0xff, devfn: (0x1f << 3) | 7 },
]

function fill(bytes: Uint8Array, count = devices.length): void {
  PciHotResetInfo.encode({ count }, bytes)
  const room = Math.floor((bytes.byteLength - PciHotResetInfo.size) / PciDependentDevice.size)
  for (const [index, device] of devices.slice(0, room).entries()) {
    PciDependentDevice.encode(device, bytes, PciHotResetInfo.size + index * PciDependentDevice.size)
  }
}

/** A kernel with `count` functions on the bus, which grows by one at each call where `grows`. */
function kernel(grows = false) {
  const rooms: number[] = []
  let count = devices.length
  const call = (bytes: Uint8Array) => {
    const room = (PciHotResetInfo.decode(bytes).argsz - PciHotResetInfo.size) / PciDependentDevice.size
    rooms.push(room)
    if (grows) count++
    if (room < count) {
      PciHotResetInfo.encode({ count }, bytes)
      return { ok: false, errno: ENOSPC } as const
    }
    fill(bytes)
    return { ok: true, value: 0 } as const
  }
  return { call, rooms }
}

describe('hot reset info', () => {
  it('names every function in full form, and its group', () => {
    const bytes = new Uint8Array(PciHotResetInfo.size + 3 * PciDependentDevice.size)
    fill(bytes)
    assert.deepEqual(parseHotResetInfo(bytes), [
      { address: '0000:03:00.0', group: '7' },
      { address: '0000:03:00.1', group: '8' },
      { address: '01ab:ff:1f.7', group: '12' },
    ])
  })

  it('of a character device says whose each function is', () => {
    const bytes = new Uint8Array(PciHotResetInfo.size + 3 * PciDependentDevice.size)
    // An id in the iommufd; owned through its group; not owned.
    const ids = [5, 0, 0xffff_ffff]
    PciHotResetInfo.encode({ count: 3, flags: 1 }, bytes)
    for (const [index, group_id] of ids.entries()) {
      const at = PciHotResetInfo.size + index * PciDependentDevice.size
      PciDependentDevice.encode({ group_id, segment: 0, bus: 3, devfn: index }, bytes, at)
    }
    assert.deepEqual(parseHotResetInfo(bytes), [
      { address: '0000:03:00.0', isOwned: true },
      { address: '0000:03:00.1', isOwned: true },
      { address: '0000:03:00.2', isOwned: false },
    ])
  })

  it('never reads more functions than there are bytes for', () => {
    const bytes = new Uint8Array(PciHotResetInfo.size + PciDependentDevice.size + 3)
    fill(bytes, 0xffff_ffff)
    assert.equal(parseHotResetInfo(bytes).length, 1)
  })

  it('is asked for again with the room that the kernel says it needs', () => {
    const { call, rooms } = kernel()
    const info = queryHotResetInfo(call)
    assert.ok(info.ok)
    assert.equal(info.functions.length, 3)
    assert.deepEqual(rooms, [1, 3])
  })

  it('is given up where the room never suffices', () => {
    const { call, rooms } = kernel(true)
    assert.deepEqual(queryHotResetInfo(call), { ok: false, errno: ENOSPC })
    assert.equal(rooms.length, 5)
  })

  it('passes every other errno on at once', () => {
    let calls = 0
    const info = queryHotResetInfo(() => {
      calls++
      return { ok: false, errno: 19 }
    })
    assert.deepEqual(info, { ok: false, errno: 19 })
    assert.equal(calls, 1)
  })
})

describe('the argument of a hot reset', () => {
  it('lists the group descriptors after the header', () => {
    const words = new Uint32Array(encodeHotReset([17, 18]).buffer)
    assert.deepEqual([...words], [20, 0, 2, 17, 18])
  })

  it('may list none', () => {
    assert.deepEqual([...new Uint32Array(encodeHotReset([]).buffer)], [12, 0, 0])
  })
})
