// What a server could do to its client.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { interruptKinds } from '../../src/function/interrupts.js'
import { UnixSocket } from '../../src/linux/unix-socket.js'
import { resetFunction } from '../../src/reset/reset-function.js'
import { openVfioUserFunction } from '../../src/vfio-user/client/vfio-user-function.js'
import { OddServer, type ScriptName } from './odd-server.js'
import { openDescriptors } from './open-descriptors.js'

/** Descriptors of this process that the client has left behind; those of the server's thread count, so it is there first. */
async function leftBehind(script: ScriptName, run: (path: string) => void): Promise<number> {
  await using server = await OddServer.start(script)
  // Whatever is loaded at the first use.
  run(server.path)
  await setTimeout(50)
  const before = openDescriptors()
  run(server.path)
  await setTimeout(50)
  return openDescriptors() - before
}

describe('a client', () => {
  for (const script of [
    'honest',
    'a file with VERSION',
    'a file with a region of no size',
    'files with what has none',
  ] as const) {
    it(`leaves no descriptor behind: ${script}`, async () => {
      const left = await leftBehind(script, (path) => {
        using fn = openVfioUserFunction(path)
        assert.equal(fn.config.size, 256)
      })
      assert.equal(left, 0)
    })
  }
  it('leaves none behind where the server goes in the middle of the opening', async () => {
    const left = await leftBehind('a file with a BAR, and then nothing more', (path) => {
      assert.throws(() => openVfioUserFunction(path), { code: 'CLOSED' })
    })
    assert.equal(left, 0)
  })
  it('sees a config space of one of the two sizes', async () => {
    await using server = await OddServer.start('a config space of 2^60 bytes')
    using fn = openVfioUserFunction(server.path)
    assert.equal(fn.config.size, 4096)
    await using other = await OddServer.start('a config space of one byte')
    assert.throws(() => openVfioUserFunction(other.path), { code: 'UNSUPPORTED' })
  })
  it('sees no more vectors than PCI has room for', async () => {
    await using server = await OddServer.start('four thousand million vectors')
    using fn = openVfioUserFunction(server.path)
    for (const kind of interruptKinds) assert.ok(fn.interrupts.info(kind).count <= 2048)
  })
  it('maps nothing outside of a region', async () => {
    await using server = await OddServer.start('areas outside of their region')
    using fn = openVfioUserFunction(server.path)
    assert.deepEqual(fn.regions[0]?.mappable, [{ offset: 0n, size: 0x800n }])
  })
  it('does not take a write for done that was not', async () => {
    await using server = await OddServer.start('less than was written')
    using fn = openVfioUserFunction(server.path)
    assert.throws(() => fn.config.write(4, 2, 0), { code: 'CONFIG_ACCESS' })
    assert.throws(() => fn.regions[0]?.write(0n, new Uint8Array(4)), { code: 'REGION_ACCESS' })
  })
  for (const [script, code] of [
    ['less than was asked for', 'CONFIG_ACCESS'],
    ['more than was asked for', 'PROTOCOL'],
    ['other data than it says', 'PROTOCOL'],
  ] as const) {
    it(`does not take a read for done that was not: ${script}`, async () => {
      await using server = await OddServer.start(script)
      using fn = openVfioUserFunction(server.path)
      assert.throws(() => fn.config.read(0, 4), { code })
    })
  }
  for (const [script, errno] of [
    ['a wish for memory that it was not given', 14],
    ['a wish for more memory than there is', 22],
  ] as const) {
    it(`refuses ${script}`, async () => {
      await using server = await OddServer.start(script)
      using fn = openVfioUserFunction(server.path)
      assert.equal(fn.config.read(0, 4), 0)
      for (let round = 0; round < 200 && server.lastErrno === undefined; round++) await setTimeout(5)
      assert.equal(server.lastErrno, errno)
    })
  }
  it('whose server is gone gives its memory back, and a reset ends in a verdict', async () => {
    const server = await OddServer.start('honest')
    using fn = openVfioUserFunction(server.path)
    await server[Symbol.asyncDispose]()
    assert.throws(() => fn.config.read(0, 4), { code: 'CLOSED' })
    const before = openDescriptors()
    {
      using _memory = fn.dma.allocate(4096n)
    }
    assert.equal(openDescriptors(), before)
    const report = await resetFunction(fn)
    assert.equal(report.verdict, 'lost')
  })
  it('does not wait for a place in the queue of a listener that accepts nobody', async () => {
    const { mkdtempSync, rmSync } = await import('node:fs')
    const { UnixListener } = await import('../../src/linux/unix-listener.js')
    const folder = mkdtempSync('/tmp/vfio-user-')
    const waiting: UnixSocket[] = []
    try {
      using _listener = UnixListener.listen(`${folder}/socket`)
      assert.throws(
        () => {
          for (let round = 0; round < 100; round++) waiting.push(UnixSocket.connect(`${folder}/socket`, 64))
        },
        { code: 'BUSY' },
      )
      assert.ok(waiting.length >= 16)
    } finally {
      for (const socket of waiting) socket[Symbol.dispose]()
      rmSync(folder, { recursive: true })
    }
  })
})
