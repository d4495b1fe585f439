import assert from 'node:assert/strict'
import { writeSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { EventFd } from '../../../src/linux/eventfd.js'

const signal = (fd: number, count = 1n): void => {
  writeSync(fd, new Uint8Array(new BigUint64Array([count]).buffer))
}

describe('an eventfd', () => {
  it('counts signals until they are taken', () => {
    using eventfd = new EventFd()
    assert.equal(eventfd.take(), 0n)
    signal(eventfd.fd)
    signal(eventfd.fd, 4n)
    assert.equal(eventfd.take(), 5n)
    assert.equal(eventfd.take(), 0n)
  })

  it('calls back from the event loop for every burst of signals', async () => {
    using eventfd = new EventFd()
    const counts: bigint[] = []
    const heard = () => new Promise<void>((resolve) => eventfd.onSignal((count) => resolve(void counts.push(count))))
    const first = heard()
    signal(eventfd.fd, 2n)
    assert.deepEqual(counts, [], 'not before the event loop turns')
    await first
    const second = heard()
    signal(eventfd.fd)
    await second
    assert.deepEqual(counts, [2n, 1n])
  })

  it('calls back for signals that came before anyone listened', async () => {
    using eventfd = new EventFd()
    signal(eventfd.fd, 3n)
    assert.equal(await new Promise<bigint>((resolve) => eventfd.onSignal(resolve)), 3n)
  })

  it('is silent once disposed, though its number is used again at once', async () => {
    const eventfd = new EventFd()
    let called = 0
    eventfd.onSignal(() => called++)
    const { fd } = eventfd
    signal(fd)
    eventfd[Symbol.dispose]()
    using next = new EventFd()
    assert.equal(next.fd, fd)
    signal(next.fd)
    await sleep(20)
    assert.equal(called, 0)
    assert.equal(next.take(), 1n)
    assert.throws(() => eventfd.fd, { code: 'CLOSED' })
  })
})
