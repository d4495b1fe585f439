import assert from 'node:assert/strict'
import { fstatSync, readFileSync, readlinkSync } from 'node:fs'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { FileDescriptor } from '../../../src/linux/file-descriptor.js'

const isOpen = (fd: number): boolean => {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}

describe('a file descriptor', () => {
  it('closes its file when disposed, once', () => {
    const file = FileDescriptor.open('/dev/null')
    const { fd } = file
    assert.ok(isOpen(fd))
    file[Symbol.dispose]()
    assert.ok(!isOpen(fd))
    const next = FileDescriptor.open('/dev/null')
    assert.equal(next.fd, fd, 'the number is used again')
    file[Symbol.dispose]()
    assert.ok(isOpen(fd), 'the second dispose left the new owner alone')
    next[Symbol.dispose]()
  })

  it('refuses its number after it was closed', () => {
    const file = FileDescriptor.open('/dev/null')
    file[Symbol.dispose]()
    assert.throws(() => file.fd, { name: 'QuiesceError', code: 'CLOSED' })
    assert.equal(file.isOpen, false)
  })

  it('names the path and errno of a file that cannot be opened', () => {
    assert.throws(
      () => FileDescriptor.open('/nonexistent/vfio'),
      (error) => {
        assert.ok(error instanceof QuiesceError)
        assert.equal(error.errnoName, 'ENOENT')
        assert.match(error.message, /^Cannot open \/nonexistent\/vfio: open failed with ENOENT/)
        return true
      },
    )
  })

  it('duplicates into a descriptor that outlives it and that children do not inherit', () => {
    const file = FileDescriptor.open('/dev/null')
    const second = file.duplicate()
    file[Symbol.dispose]()
    assert.equal(readlinkSync(`/proc/self/fd/${second.fd}`), '/dev/null')
    const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${second.fd}`, 'utf8'))?.[1]
    assert.notEqual(Number.parseInt(flags ?? '0', 8) & 0o2000000, 0, 'O_CLOEXEC')
    second[Symbol.dispose]()
  })

  it('gives up its number without closing the file', () => {
    const file = FileDescriptor.open('/dev/null')
    const fd = file.release()
    file[Symbol.dispose]()
    assert.ok(isOpen(fd))
    new FileDescriptor(fd, 'taken over')[Symbol.dispose]()
    assert.ok(!isOpen(fd))
  })
})
