import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { AnonymousMemory } from '../../../src/linux/anonymous-memory.js'
import { memlockLimit, pageSize } from '../../../src/linux/process-limits.js'

const mapped = (address: bigint): boolean =>
  new RegExp(`^0*${address.toString(16)}-`, 'm').test(readFileSync('/proc/self/maps', 'latin1'))

describe('anonymous memory', () => {
  it('is zeroed, writable, and page-aligned', () => {
    using memory = new AnonymousMemory(3 * pageSize())
    assert.equal(memory.address % BigInt(pageSize()), 0n)
    assert.equal(memory.bytes.byteLength, 3 * pageSize())
    assert.ok(memory.bytes.every((byte) => byte === 0))
    memory.bytes[5] = 7
    assert.equal(memory.bytes[5], 7)
    assert.ok(mapped(memory.address))
  })

  it('stays the same memory under every view', () => {
    using memory = new AnonymousMemory(pageSize())
    new DataView(memory.bytes.buffer).setUint32(16, 0x12345678, true)
    assert.equal(memory.bytes[19], 0x12)
  })

  it('refuses to be reached after it was disposed', () => {
    const memory = new AnonymousMemory(pageSize())
    memory[Symbol.dispose]()
    memory[Symbol.dispose]()
    assert.throws(() => memory.bytes, { code: 'CLOSED' })
  })

  it('leaves a view that outlives it harmless, and empty', () => {
    const memory = new AnonymousMemory(pageSize())
    const { bytes } = memory
    bytes.fill(0xaa)
    memory[Symbol.dispose]()
    assert.equal(bytes[0], 0)
    bytes[0] = 1
    assert.equal(bytes.byteLength, pageSize())
  })

  it('gives its addresses back once no view is left', async () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    // Apart, so that the kernel does not merge it with a neighbour, which would hide it.
    const address = (() => {
      const memory = new AnonymousMemory(16 * pageSize())
      memory.bytes.fill(1)
      memory[Symbol.dispose]()
      return memory.address
    })()
    const covers = () =>
      readFileSync('/proc/self/maps', 'latin1')
        .split('\n')
        .map((line) => /^([0-9a-f]+)-([0-9a-f]+)/.exec(line))
        .some((match) => match !== null && BigInt(`0x${match[1]}`) <= address && address < BigInt(`0x${match[2]}`))
    assert.ok(covers())
    for (let round = 0; round < 50 && covers(); round++) {
      collect()
      await sleep(10)
    }
    assert.ok(!covers())
  })

  it('is refused with an error where there is none', () => {
    assert.throws(() => new AnonymousMemory(0), { code: 'SYSTEM', errnoName: 'EINVAL', syscall: 'mmap' })
  })
})

describe('limits of the process', () => {
  it('match what the kernel says in /proc', () => {
    const line = /^Max locked memory +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
    assert.equal(memlockLimit(), line === 'unlimited' ? undefined : BigInt(line ?? -1))
    const smaps = /^KernelPageSize: +(\d+) kB/m.exec(readFileSync('/proc/self/smaps', 'latin1'))?.[1]
    assert.equal(pageSize(), Number(smaps) * 1024)
  })
})
