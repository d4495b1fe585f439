import assert from 'node:assert/strict'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { describe, it } from 'node:test'
import { punchHole } from '../../../src/linux/punch-hole.js'
import { SharedMemory } from '../../../src/linux/shared-memory.js'

describe('a hole in a file', () => {
  it('reads as zeros, to the byte, and takes no room', async () => {
    using memory = new SharedMemory(0x10000n)
    memory.bytes.fill(7)
    assert.equal(await punchHole(memory.fd, 0x1ff0, 0x4020), true)
    const { bytes } = memory
    assert.deepEqual([bytes[0x1fef], bytes[0x1ff0], bytes[0x600f], bytes[0x6010]], [7, 0, 0, 7])
    assert.ok(bytes.subarray(0x1ff0, 0x6010).every((byte) => byte === 0))
    assert.ok(fstatSync(memory.fd).blocks > 0)
    assert.equal(await punchHole(memory.fd, 0, 0x10000), true)
    assert.deepEqual([fstatSync(memory.fd).blocks, fstatSync(memory.fd).size], [0, 0x10000])
  })
  it('cannot be made where there are none, or not at all', async () => {
    const fd = openSync('/dev/null', 'r+')
    await assert.rejects(punchHole(fd, 0, 4096), { name: 'QuiesceError', syscall: 'fallocate' })
    closeSync(fd)
    using memory = new SharedMemory(0x1000n)
    await assert.rejects(punchHole(memory.fd, 0, 0), { errnoName: 'EINVAL' })
  })
})
