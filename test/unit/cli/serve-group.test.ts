// Devices that share an address space and a bus, as `quiesce serve` offers them: in one thread, to one VMM.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, it } from 'node:test'
import { SharedMemory } from '../../../src/linux/shared-memory.js'
import { openVfioUserFunction } from '../../../src/vfio-user/client/vfio-user-function.js'
import { enableEdu } from './edu-client.js'
import { type Event, Serving, SocketFolder } from './serving.js'

const [one, two] = ['sim:siblings.0', 'sim:siblings.1']
const iova = 0x10_0000n
const page = 4096n

const reportOf = (event: Event) => event['report'] as { verdict: string; attempts: readonly { reason?: string }[] }

describe('quiesce serve of devices of one group', () => {
  it('takes the same memory from both clients of a VMM, and resets the bus when nobody is left', async () => {
    using folder = new SocketFolder()
    await using serving = new Serving([one, two, '--socket', folder.path, '--json'])
    await serving.event('serving', 2)
    using memory = new SharedMemory(page)
    {
      using first = openVfioUserFunction(folder.at(`${one}.sock`))
      using second = openVfioUserFunction(folder.at(`${two}.sock`))
      for (const fn of [first, second]) {
        fn.dma.mapBacking(iova, page, { fd: memory.fd, offset: 0n }, 'read-write')
        enableEdu(fn)
      }
      assert.deepEqual(await first.reset(), { ok: true })
      const report = reportOf(await serving.event('reset-report', 1, one))
      assert.equal(report.verdict, 'quiesced')
      assert.match(
        report.attempts.map(({ reason }) => reason).join(),
        /it would also reset sim:siblings\.1, which a guest uses/,
      )
    }
    await serving.event('released', 2)
    serving.signal('SIGTERM')
    assert.equal(await serving.ended(), 0, serving.stderr)
    for (const device of [one, two]) assert.equal((await serving.event('ended', 1, device))['verdict'], 'clean')
  })

  it('turns another VMM away, and lets it have them when the first is gone', async () => {
    using folder = new SocketFolder()
    await using serving = new Serving([one, two, '--socket', folder.path, '--json'])
    await serving.event('serving', 2)
    const script = `
      const socket = require('node:net').connect(process.argv[1])
      socket.on('close', () => process.exit()).resume()`
    const other = (device: string) => spawn(process.execPath, ['-e', script, folder.at(`${device}.sock`)])
    const first = openVfioUserFunction(folder.at(`${one}.sock`))
    const stranger = other(two)
    const away = await serving.event('turned-away')
    assert.deepEqual([away['device'], away['pid']], [two, stranger.pid])
    assert.match(
      String(away['reason']),
      new RegExp(`${two} shares its IOMMU group with ${one}, which process ${process.pid} uses`),
    )
    first[Symbol.dispose]()
    const next = other(two)
    try {
      assert.equal((await serving.event('connected', 1, two))['pid'], next.pid)
    } finally {
      next.kill()
    }
  })
})
