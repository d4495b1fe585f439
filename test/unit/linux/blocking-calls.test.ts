import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { runBlockingCall } from '../../../src/linux/blocking-call-pool.js'
import { blockingIoctl } from '../../../src/linux/blocking-ioctl.js'
import { FileDescriptor } from '../../../src/linux/file-descriptor.js'

const VFIO_DEVICE_RESET = { name: 'VFIO_DEVICE_RESET', request: 0x3b6f }

/** A call that sits in the kernel for `timeoutMs`. */
const block = (timeoutMs: number) => runBlockingCall({ call: 'poll', entries: undefined, count: 0, timeoutMs })

describe('blocking calls', () => {
  it('answer with what the call returned and with its errno', async () => {
    using file = FileDescriptor.open('/dev/null')
    assert.deepEqual(await blockingIoctl(file, VFIO_DEVICE_RESET), { ok: false, errno: 25 })
    assert.deepEqual(await blockingIoctl(file, VFIO_DEVICE_RESET, new Uint8Array(4)), { ok: false, errno: 25 })
    assert.deepEqual(await block(1), { value: 0, errno: 0 })
    assert.deepEqual(await runBlockingCall({ call: 'close', fd: 100_000 }), { value: -1, errno: 9 })
  })

  it('answer alike on every kind of thread', async () => {
    using file = FileDescriptor.open('/dev/null')
    const calls = Array.from({ length: 6 }, () => blockingIoctl(file, VFIO_DEVICE_RESET, new Uint8Array(200)))
    for (const result of await Promise.all(calls)) assert.deepEqual(result, { ok: false, errno: 25 })
  })

  it('leave the event loop free, and file access too, however many are blocked', async () => {
    await Promise.all(Array.from({ length: 8 }, () => block(0)))
    const blockedMs = 1500
    const began = performance.now()
    let done = 0
    const calls = Array.from({ length: 8 }, async () => {
      await block(blockedMs)
      done++
    })
    await readFile('/proc/self/stat')
    const turns = await new Promise<number>((resolve) => {
      let count = 0
      const tick = setInterval(() => ++count === 10 && resolve(count), 5)
      setTimeout(() => {
        clearInterval(tick)
        resolve(count)
      }, blockedMs - 100)
    })
    assert.equal(turns, 10)
    assert.equal(done, 0, 'all eight were still blocked')
    await Promise.all(calls)
    const tookMs = performance.now() - began
    assert.ok(tookMs < 2 * blockedMs, `eight calls of ${blockedMs} ms side by side took ${tookMs} ms`)
  })

  it('hold their file open until they return, and then close it', async () => {
    const file = FileDescriptor.open('/dev/null')
    const call = blockingIoctl(file, VFIO_DEVICE_RESET)
    file[Symbol.dispose]()
    using next = FileDescriptor.open('/dev/zero')
    assert.deepEqual(await call, { ok: false, errno: 25 }, 'it acted on the file that it was called for')
    assert.ok(next.isOpen)
  })
})

describe('a process with threads for blocking calls', () => {
  const pool = new URL('../../../src/linux/blocking-call-pool.js', import.meta.url).href
  const run = async (script: string) => {
    const began = performance.now()
    const args = ['--input-type=module', '-e', `import * as pool from ${JSON.stringify(pool)}\n${script}`]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 })
    return { stdout, tookMs: performance.now() - began }
  }
  const poll = (ms: number) => `pool.runBlockingCall({ call: 'poll', count: 0, timeoutMs: ${ms} })`

  it('ends by itself while a thread is idle', async () => {
    const { stdout } = await run(`await Promise.all([1, 2, 3, 4].map(() => ${poll(50)})); console.log('done')`)
    assert.equal(stdout, 'done\n')
  })

  it('waits for a call that nobody else keeps it alive for', async () => {
    const { stdout } = await run(`console.log((await ${poll(300)}).value)`)
    assert.equal(stdout, '0\n')
  })

  it('prints while calls are stuck', async () => {
    const script = `
      let returned = false
      for (let each = 0; each < 3; each++) void ${poll(1500)}.then(() => { returned = true })
      setTimeout(() => console.log('report', returned), 100)`
    const { stdout } = await run(script)
    assert.equal(stdout, 'report false\n')
  })
})
