import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { FileMemory } from '../../../src/linux/file-memory.js'
import { pageSize } from '../../../src/linux/process-limits.js'

const folder = mkdtempSync(join(tmpdir(), 'quiesce-file-memory-'))
after(() => rmSync(folder, { recursive: true }))
const page = BigInt(pageSize())
const path = join(folder, 'memory')
writeFileSync(path, new Uint8Array(4 * pageSize()))

/** The mappings of the file in this process: address, rights, and offset. */
const mappings = () =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(path))
    .map((line) => {
      const [, start = '', end = '', rights = '', offset = ''] = /^(\w+)-(\w+) (\S+) (\w+)/.exec(line) ?? []
      const [from, to] = [BigInt(`0x${start}`), BigInt(`0x${end}`)]
      return { address: from, size: to - from, rights, offset: BigInt(`0x${offset}`) }
    })

describe('a part of a file in memory', () => {
  it('lies where it says, is shared, and goes once', () => {
    const fd = openSync(path, 'r+')
    const memory = new FileMemory(fd, page, 2n * page, 'read-write')
    // It does not need the descriptor.
    closeSync(fd)
    assert.deepEqual(mappings(), [{ address: memory.address, size: 2n * page, rights: 'rw-s', offset: page }])
    memory[Symbol.dispose]()
    memory[Symbol.dispose]()
    assert.deepEqual(mappings(), [])
  })

  it('may be of a file that is open for reading only, if it is only read', () => {
    const fd = openSync(path, 'r')
    {
      using _ = new FileMemory(fd, 0n, page, 'read')
      assert.equal(mappings()[0]?.rights, 'r--s')
    }
    assert.throws(() => new FileMemory(fd, 0n, page, 'read-write'), { errnoName: 'EACCES', code: 'PERMISSION' })
    closeSync(fd)
  })

  it('begins with a page', () => {
    for (const offset of [1n, page - 1n, -page]) {
      assert.throws(() => new FileMemory(0, offset, page, 'read'), { code: 'USAGE' })
    }
  })
})
