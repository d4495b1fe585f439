import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eduBuffer, eduDmaCommand, eduIdentity, eduRegister } from '../../../src/sim/models/edu-device.js'
import { openVfioUserFunction } from '../../../src/vfio-user/client/vfio-user-function.js'
import { enableEdu, readEdu, startEduTransfer, writeEdu } from './edu-client.js'
import { type Event, Serving, SocketFolder } from './serving.js'

const iova = 0x10_0000n

function verdictOf(event: Event): unknown {
  return (event['report'] as Record<string, unknown>)['verdict']
}

describe('quiesce serve', () => {
  it('says where it serves and how QEMU gets it, at a socket for its owner alone', async () => {
    using folder = new SocketFolder()
    const path = folder.at('edu.sock')
    await using serving = new Serving(['sim:edu', '--socket', path, '--json'])
    const { device, socket, qemu } = await serving.event('serving')
    assert.deepEqual([device, socket], ['sim:edu', path])
    assert.equal(statSync(path).mode & 0o7777, 0o600)
    const attachment = { driver: 'vfio-user-pci', socket: { type: 'unix', path } }
    assert.deepEqual(qemu, [
      '-object',
      'memory-backend-memfd,id=mem0,size=1G,share=on',
      '-machine',
      'q35,memory-backend=mem0',
      '-device',
      JSON.stringify(attachment),
    ])
  })

  it('says the same in words, to be pasted into a shell', async () => {
    using folder = new SocketFolder()
    const path = folder.at("it's edu.sock")
    await using serving = new Serving(['sim:edu', '--socket', path])
    await serving.says(/-device .*\n/)
    const { stdout } = serving
    assert.match(stdout, /^\d\d:\d\d:\d\d {2}sim:edu {2}is served at /)
    const pasted = stdout.slice(stdout.indexOf('  -object'))
    const shell = spawn('sh', ['-c', `printf '%s\\n' ${pasted.trim()}`])
    let words = ''
    for await (const text of shell.stdout.setEncoding('utf8')) words += text
    assert.deepEqual(JSON.parse(words.trim().split('\n').at(-1) ?? ''), {
      driver: 'vfio-user-pci',
      socket: { type: 'unix', path },
    })
  })

  it('gives a client config space, registers, DMA and interrupts', async () => {
    using folder = new SocketFolder()
    const path = folder.at('edu.sock')
    await using serving = new Serving(['sim:edu', '--socket', path, '--json'])
    await serving.event('serving')
    using fn = openVfioUserFunction(path)
    assert.equal(fn.config.read(0, 4), 0x11e8_1234)
    enableEdu(fn)
    assert.equal(readEdu(fn, eduRegister.identification), eduIdentity)
    using memory = fn.dma.allocate(8192n)
    fn.dma.map(iova, memory, 'read-write')
    memory.bytes.fill(0x5a, 0, 256)
    const transfer = (source: bigint, target: bigint, how: number) =>
      new Promise<void>((resolve) => {
        fn.interrupts.enable('msi', [{ signal: resolve }])
        startEduTransfer(fn, source, target, how | eduDmaCommand.run | eduDmaCommand.interrupt)
      })
    await transfer(iova, eduBuffer.start, 0)
    writeEdu(fn, eduRegister.acknowledge, 0x100)
    await transfer(eduBuffer.start, iova + 4096n, eduDmaCommand.toMemory)
    assert.deepEqual(memory.bytes.subarray(4096, 4096 + 256), memory.bytes.subarray(0, 256))
    const { version } = await serving.event('agreed')
    assert.equal(version, '0.2')
    assert.equal((await serving.event('connected'))['pid'], process.pid)
  })

  it('resets by the procedure, and tells the report', async () => {
    using folder = new SocketFolder()
    const path = folder.at('flr.sock')
    await using serving = new Serving(['sim:flr', '--socket', path, '--json', '--methods', 'pm,vfio'])
    await serving.event('serving')
    using fn = openVfioUserFunction(path)
    assert.deepEqual(await fn.reset(), { ok: true })
    const told = await serving.event('reset-report')
    assert.equal(told['cause'], 'client')
    assert.equal(verdictOf(told), 'clean')
    assert.deepEqual((told['report'] as { policy: { methods: unknown } }).policy.methods, ['pm', 'vfio'])
    assert.deepEqual((await serving.event('reset'))['ok'], true)
  })

  it('refuses the client a reset that the policy refuses, and says so in words', async () => {
    using folder = new SocketFolder()
    const path = folder.at('edu.sock')
    await using serving = new Serving(['sim:edu', '--socket', path, '--require-reset'])
    await serving.says(/-device/)
    using fn = openVfioUserFunction(path)
    const outcome = await fn.reset()
    assert.equal(outcome.ok ? undefined : outcome.errno, 'EIO')
    await serving.says(/sim:edu {2}reset because its client asked: QUIESCED: .*; the policy refuses it/)
    await serving.says(/refused the reset to its client: the reset ended as quiesced/)
  })

  it('prints the whole report with --steps', async () => {
    using folder = new SocketFolder()
    const path = folder.at('edu.sock')
    await using serving = new Serving(['sim:edu', '--socket', path, '--steps'])
    await serving.says(/-device/)
    using fn = openVfioUserFunction(path)
    await fn.reset()
    await serving.says(/Command +0x[0-9a-f]{4} -> 0x[0-9a-f]{4}, read back[\s\S]*Steps .*probe/)
  })

  it('quiesces and resets the device when its client is killed in the middle of DMA, and takes the next one', async () => {
    using folder = new SocketFolder()
    const path = folder.at('edu.sock')
    await using serving = new Serving(['sim:edu', '--socket', path, '--json'])
    await serving.event('serving')
    const client = spawn(process.execPath, [fileURLToPath(new URL('./killed-client.js', import.meta.url)), path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise((resolve) => client.stdout.once('data', resolve))
    client.kill('SIGKILL')
    await serving.event('released')
    assert.deepEqual(serving.kinds().slice(1), ['connected', 'agreed', 'disconnected', 'reset-report', 'released'])
    const told = await serving.event('reset-report')
    assert.deepEqual([told['cause'], verdictOf(told)], ['disconnect', 'quiesced'])
    assert.equal((await serving.event('released'))['failure'], null)
    using next = openVfioUserFunction(path)
    assert.equal(next.config.read(4, 2) & 0x7, 0)
  })

  for (const [device, verdict, status] of [
    ['sim:flr', 'clean', 0],
    ['sim:edu', 'quiesced', 10],
    ['sim:stuck-master', 'contained', 11],
    ['sim:lost', 'lost', 12],
  ] as const) {
    it(`ends with the last verdict: ${status} where it is ${verdict}`, async () => {
      using folder = new SocketFolder()
      const path = folder.at('socket')
      await using serving = new Serving([device, '--socket', path, '--json'])
      await serving.event('serving')
      using fn = openVfioUserFunction(path)
      enableEdu(fn)
      serving.signal('SIGTERM')
      assert.equal(await serving.ended(), status, serving.stderr)
      assert.deepEqual(serving.kinds().slice(-5), ['ending', 'disconnected', 'reset-report', 'released', 'ended'])
      const ended = await serving.event('ended')
      assert.deepEqual([ended['verdict'], ended['status']], [verdict, status])
      assert.equal(existsSync(path), false)
      assert.throws(() => fn.config.read(0, 4))
    })
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`ends with 0 at ${signal} where no client came`, async () => {
      using folder = new SocketFolder()
      const path = folder.at('socket')
      await using serving = new Serving(['sim:edu', '--socket', path, '--json'])
      await serving.event('serving')
      serving.signal(signal)
      assert.equal(await serving.ended(), 0, serving.stderr)
      assert.deepEqual(serving.kinds(), ['serving', 'ending', 'ended'])
      assert.equal((await serving.event('ended'))['verdict'], null)
      assert.equal(existsSync(path), false)
    })
  }

  it('says in words how it ends', async () => {
    using folder = new SocketFolder()
    const path = folder.at('socket')
    await using serving = new Serving(['sim:edu', '--socket', path])
    await serving.says(/-device/)
    using _fn = openVfioUserFunction(path)
    serving.signal('SIGINT')
    assert.equal(await serving.ended(), 10)
    assert.match(serving.stdout, /SIGINT: quiescing it, then ending/)
    assert.match(serving.stdout, /client left: the server ends/)
    assert.match(serving.stdout, /reset because its client is gone: QUIESCED/)
    assert.match(serving.stdout, /is served no longer; the last verdict: quiesced\n$/)
  })
})

describe('quiesce serve of several devices', () => {
  it('serves each at its own socket, and ends with the status of the worst', async () => {
    using folder = new SocketFolder()
    const paths = [folder.at('one'), folder.at('two')] as const
    await using serving = new Serving(['sim:flr', 'sim:edu', '--socket', paths[0], '--socket', paths[1], '--json'])
    await serving.event('serving', 2)
    using flr = openVfioUserFunction(paths[0])
    using edu = openVfioUserFunction(paths[1])
    assert.equal(edu.config.read(0, 4), 0x11e8_1234)
    assert.notEqual(flr.config.read(0, 4), 0x11e8_1234)
    serving.signal('SIGTERM')
    assert.equal(await serving.ended(), 10)
    assert.equal((await serving.event('ended', 1, 'sim:flr'))['status'], 0)
    assert.equal((await serving.event('ended', 1, 'sim:edu'))['status'], 10)
  })

  it('makes a socket of each name in a directory', async () => {
    using folder = new SocketFolder()
    await using serving = new Serving(['sim:siblings.0', 'sim:edu', '--socket', folder.path, '--json'])
    await serving.event('serving', 2)
    for (const name of ['sim:siblings.0', 'sim:edu']) {
      const path = folder.at(`${name}.sock`)
      assert.equal((await serving.event('serving', 1, name))['socket'], path)
      assert.ok(statSync(path).isSocket())
    }
  })
})

describe('quiesce serve --raw', () => {
  it('offers bare hardware: no procedure, no verdict', async () => {
    using folder = new SocketFolder()
    const path = folder.at('socket')
    await using serving = new Serving(['sim:edu', '--raw', '--socket', path, '--json'])
    await serving.event('serving')
    {
      using fn = openVfioUserFunction(path)
      enableEdu(fn)
      // Where firmware has placed a BAR is nothing that VFIO shows.
      writeEdu(fn, eduRegister.liveness, 1)
      assert.deepEqual(await fn.reset(), { ok: true })
    }
    assert.deepEqual((await serving.event('reset'))['cause'], 'client')
    await serving.event('released')
    serving.signal('SIGTERM')
    assert.equal(await serving.ended(), 0, serving.stderr)
    assert.deepEqual(
      serving.kinds().filter((kind) => kind === 'reset-report'),
      [],
    )
  })
})
