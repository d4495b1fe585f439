import assert from 'node:assert/strict'
import { ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { FileBytes } from '../../../src/linux/file-bytes.js'
import { isSealed } from '../../../src/linux/passed-file.js'
import { SharedMemory } from '../../../src/linux/shared-memory.js'

describe('the bytes of a file', () => {
  it('are the same through every mapping', () => {
    using memory = new SharedMemory(8192n)
    using bytes = new FileBytes(memory.fd, 4096n, 4096n, 'read-write')
    bytes.view(10n, 1)[0] = 42
    assert.equal(memory.bytes[4096 + 10], 42)
  })
  it('a view never leaves the mapping', () => {
    using memory = new SharedMemory(8192n)
    using bytes = new FileBytes(memory.fd, 0n, 4096n, 'read')
    for (const [offset, length] of [
      [4096n, 1],
      [4095n, 2],
      [-1n, 1],
      [0n, 4097],
    ] as const) {
      assert.throws(() => bytes.view(offset, length), { code: 'USAGE' })
    }
  })
  it('beyond 4 GiB they are reached like any other', () => {
    const size = 5n << 30n
    using memory = new SharedMemory(size)
    using one = new FileBytes(memory.fd, 0n, size, 'read-write')
    using other = new FileBytes(memory.fd, 4n << 30n, 1n << 30n, 'read')
    const at = (4n << 30n) + 12_345n
    one.view(at, 3).set([1, 2, 3])
    assert.deepEqual([...other.view(12_345n, 3)], [1, 2, 3])
    const across = one.view((1n << 30n) - 2n, 4)
    across.set([5, 6, 7, 8])
    assert.deepEqual([...one.view(1n << 30n, 2)], [7, 8])
  })
  it('a view that outlives its mapping reads zeros', () => {
    using memory = new SharedMemory(4096n)
    const bytes = new FileBytes(memory.fd, 0n, 4096n, 'read-write')
    const view = bytes.view(0n, 4096)
    view.fill(9)
    bytes[Symbol.dispose]()
    bytes[Symbol.dispose]()
    assert.ok(view.every((byte) => byte === 0))
    assert.equal(memory.bytes[0], 9)
    assert.throws(() => bytes.view(0n, 1), { code: 'CLOSED' })
  })
  it('an offset that is not the start of a page is refused', () => {
    using memory = new SharedMemory(8192n)
    assert.throws(() => new FileBytes(memory.fd, 1n, 4096n, 'read'), { code: 'USAGE' })
  })
  it('memory of its own cannot be cut short, a file of a folder can', () => {
    using memory = new SharedMemory(4096n)
    assert.equal(isSealed(memory.fd), true)
    assert.throws(() => ftruncateSync(memory.fd, 0))
    const folder = mkdtempSync(join(tmpdir(), 'file-bytes-'))
    assert.equal(isSealed(openSync(join(folder, 'file'), 'w+')), false)
    rmSync(folder, { recursive: true })
  })
})
