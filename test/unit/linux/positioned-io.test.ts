import assert from 'node:assert/strict'
import { ftruncateSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { FileDescriptor } from '../../../src/linux/file-descriptor.js'
import { readAt, writeAt } from '../../../src/linux/positioned-io.js'

describe('positioned reads and writes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quiesce-'))
  after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'sparse')
  const file = new FileDescriptor(openSync(path, 'w+'), path)
  after(() => file[Symbol.dispose]())
  // Where VFIO puts region 7.
  const region = 7n << 40n

  it('reach beyond 4 GiB, by bigint and by number alike', () => {
    ftruncateSync(file.fd, Number(region) + 4096)
    assert.deepEqual(writeAt(file.fd, region + 8n, new Uint8Array([1, 2, 3, 4])), { ok: true })
    const bytes = new Uint8Array(4)
    assert.deepEqual(readAt(file.fd, Number(region) + 8, bytes), { ok: true })
    assert.deepEqual([...bytes], [1, 2, 3, 4])
    assert.deepEqual(readAt(file.fd, 8n, bytes), { ok: true })
    assert.deepEqual([...bytes], [0, 0, 0, 0], 'nothing landed at the offset modulo 2^32')
    assert.equal(statSync(path).size, Number(region) + 4096)
  })

  it('fill part of a larger array without touching the rest', () => {
    const whole = new Uint8Array(8).fill(9)
    assert.deepEqual(readAt(file.fd, region + 8n, whole.subarray(2, 4)), { ok: true })
    assert.deepEqual([...whole], [9, 9, 1, 2, 9, 9, 9, 9])
  })

  it('report a transfer that ends early', () => {
    const end = region + 4096n
    assert.deepEqual(readAt(file.fd, end - 2n, new Uint8Array(4)), { ok: false, transferred: 2 })
    assert.deepEqual(readAt(file.fd, end, new Uint8Array(4)), { ok: false, transferred: 0 })
  })

  it('report errno', () => {
    assert.deepEqual(readAt(file.fd, -1, new Uint8Array(4)), { ok: false, errno: 22, transferred: 0 })
    using readOnly = new FileDescriptor(openSync(path, 'r'), path)
    assert.deepEqual(writeAt(readOnly.fd, 0, new Uint8Array(4)), { ok: false, errno: 9, transferred: 0 })
  })
})
