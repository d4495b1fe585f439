import assert from 'node:assert/strict'
import { closeSync, openSync, readSync } from 'node:fs'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { FileMapping } from '../../../src/linux/file-mapping.js'
import { SharedMemory } from '../../../src/linux/shared-memory.js'

/** A byte of this process's memory, as the kernel reads it: what is not mapped is an error instead of a SIGSEGV. */
function byteAt(address: bigint): number {
  const file = openSync('/proc/self/mem', 'r')
  try {
    const byte = new Uint8Array(1)
    readSync(file, byte, 0, 1, address)
    return byte[0] ?? 0
  } finally {
    closeSync(file)
  }
}

describe('a mapping of a file', () => {
  it('shows the file’s bytes from its offset on, until it is disposed', () => {
    using memory = new SharedMemory(0x3000n)
    memory.bytes[0x1005] = 0x77
    const range = { fd: memory.fd, offset: 0x1000n, size: 0x1000n, writable: true, what: 'a test' }
    const mapping = new FileMapping(range)
    assert.equal(byteAt(mapping.address + 5n), 0x77)
    memory.bytes[0x1005] = 0x78
    assert.equal(byteAt(mapping.address + 5n), 0x78)
    mapping[Symbol.dispose]()
    assert.throws(() => byteAt(mapping.address + 5n), { code: 'EIO' })
    mapping[Symbol.dispose]()
  })

  it('what cannot be mapped is named', () => {
    const range = { fd: -1, offset: 0n, size: 0x1000n, writable: false, what: 'a BAR' }
    assert.throws(
      () => new FileMapping(range),
      (error) =>
        error instanceof QuiesceError && error.errnoName === 'EBADF' && error.message.startsWith('Cannot map a BAR: '),
    )
  })
})
