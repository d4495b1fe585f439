import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { EventFd } from '../../../src/linux/eventfd.js'
import { answersByItself, isSealed, seal } from '../../../src/linux/passed-file.js'
import { SharedMemory } from '../../../src/linux/shared-memory.js'

function withFile(parent: string, run: (fd: number) => void): void {
  const folder = mkdtempSync(join(parent, 'quiesce-'))
  const fd = openSync(join(folder, 'file'), 'w+')
  try {
    ftruncateSync(fd, 4096)
    run(fd)
  } finally {
    closeSync(fd)
    rmSync(folder, { recursive: true })
  }
}

describe('a file that was passed', () => {
  it('answers by itself where it is memory, or lies on a disk of this machine', () => {
    using memory = new SharedMemory(4096n)
    assert.equal(answersByItself(memory.fd), true)
    withFile('/dev/shm', (fd) => assert.equal(answersByItself(fd), true))
    withFile(tmpdir(), (fd) => assert.equal(answersByItself(fd), true))
  })
  it('is not asked where nobody knows what is behind it', () => {
    using eventfd = new EventFd()
    assert.equal(answersByItself(eventfd.fd), false)
    assert.equal(answersByItself(1_000_000), false)
  })
  it('is sealed only where its owner lets it', () => {
    using memory = new SharedMemory(4096n)
    assert.equal(isSealed(memory.fd), true)
    assert.equal(seal(memory.fd), true)
    withFile('/dev/shm', (fd) => {
      assert.equal(isSealed(fd), false)
      assert.equal(seal(fd), false)
    })
    withFile(tmpdir(), (fd) => assert.equal(seal(fd), false))
  })
})
