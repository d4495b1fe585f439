import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FileDescriptor } from '../../../src/linux/file-descriptor.js'
import { DeviceGate } from '../../../src/vfio/device-gate.js'
import { encodeDmaBuf, shareRegion } from '../../../src/vfio/region-share.js'
import { ResetsUnderWay } from '../../../src/vfio/resets-under-way.js'

const area = { offset: 0x2000n, size: 0x1000n }

describe('sharing a part of a BAR', () => {
  it('asks for one range of it, open for reading and writing', () => {
    const bytes = encodeDmaBuf(2, area)
    const words = new Uint32Array(bytes.buffer)
    assert.deepEqual([...words.subarray(0, 6)], [40, 0x1_000b, 2, 0o2000002, 0, 1])
    assert.deepEqual([...new BigUint64Array(bytes.buffer, 24)], [0x2000n, 0x1000n])
  })

  it('is refused with what the kernel says, and in the middle of a reset', () => {
    using file = FileDescriptor.open('/dev/null')
    const resets = new ResetsUnderWay()
    const gate = new DeviceGate('0000:03:00.0', file, resets)
    assert.throws(() => shareRegion(gate, 0, area), { code: 'SYSTEM', errnoName: 'ENOTTY', device: gate.address })
    using _ = resets.begin([gate.address])
    assert.throws(() => shareRegion(gate, 0, area), { code: 'REGION_ACCESS', message: /is resetting it/ })
  })
})
