// What `quiesce serve` refuses, before it touches a device; and where its sockets may come from.
import assert from 'node:assert/strict'
import { existsSync, lstatSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { UnixListener } from '../../../src/linux/unix-listener.js'
import { UnixSocket } from '../../../src/linux/unix-socket.js'
import { openVfioUserFunction } from '../../../src/vfio-user/client/vfio-user-function.js'
import type { FakeTree } from '../host/fake-sysfs.js'
import { fingerprint, passthroughMachine } from './machines.js'
import { runProgram } from './run-program.js'
import { Serving, SocketFolder } from './serving.js'

const longName = 'x'.repeat(108)

/** What was typed, what it must end with, and what it must say; `@` is the machine's root, `~` a folder for sockets. */
const cases: readonly (readonly [typed: string, status: number, says: RegExp])[] = [
  ['serve', 64, /missing required argument 'device'/],
  ['serve nonsense --socket ~/s', 64, /Cannot understand device "nonsense"/],
  ['serve sim:nonsense --socket ~/s', 69, /no such model/],
  ['serve sim:edu', 64, /Cannot serve sim:edu: no socket was given/],
  ['serve sim:edu --socket', 64, /argument missing/],
  ['serve sim:edu sim:edu --socket ~', 64, /Cannot take sim:edu twice/],
  ['serve sim:edu sim:flr --socket ~/s', 64, /Cannot serve 2 devices at one socket/],
  ['serve sim:edu --socket ~/s --socket ~/t', 64, /Cannot serve 1 device at 2 sockets/],
  ['serve sim:edu sim:flr --socket ~/s --socket ~/s', 64, /Cannot serve two devices at .*\/s/],
  ['serve sim:edu --socket ~/missing/s', 64, /Cannot listen on .*\/missing\/s: there is no directory/],
  ['serve sim:edu --socket=', 64, /Cannot listen at an empty path/],
  ['serve sim:edu --socket ~/missing/', 64, /Cannot listen in .*\/missing\/: there is no such directory/],
  ['serve sim:edu --socket ~/file/s', 64, /Cannot listen on .*\/file\/s: there is no directory/],
  [`serve sim:edu --socket ~/${longName}`, 64, /its path must have 1 to 107 bytes/],
  ['serve sim:edu --socket ~/file', 73, /Cannot listen on .*\/file: it is there, and is no socket/],
  ['serve sim:edu --socket ~/busy', 73, /Cannot listen on .*\/busy: another process listens there/],
  ['serve sim:edu sim:flr --socket ~/s --socket ~/busy', 73, /another process listens there/],
  ['serve sim:edu --socket ~/file --dry-run', 73, /Cannot listen on .*\/file: it is there, and is no socket/],
  ['serve sim:edu --socket ~/busy --dry-run', 73, /Cannot listen on .*\/busy: another process listens there/],
  [
    'serve sim:edu --socket ~/s --allow-user no-such-user',
    64,
    /Cannot allow user "no-such-user": there is no such user/,
  ],
  ['serve sim:edu --socket ~/s --allow-user 4294967295', 64, /Cannot allow user "4294967295": there is no such user/],
  ['serve sim:edu --socket ~/s --allow-user=', 64, /Cannot allow user "": there is no such user/],
  // Nobody may make a file there, whoever it is.
  ['serve sim:edu --socket /sys/s', 77, /Cannot listen on \/sys\/s: bind failed with (EPERM|EACCES)/],
  ['serve sim:edu --socket ~/s --methods flr', 64, /Cannot use --methods "flr"/],
  ['serve sim:edu --socket ~/s --raw --require-reset', 64, /Cannot use --raw with options of a reset/],
  ['serve 01:00.0 --socket ~/s --raw --sysroot @', 64, /Cannot serve 0000:01:00\.0 with --raw/],
  ['serve 01:00.0 --socket ~/s --sysroot @', 64, /Cannot serve below --sysroot/],
  ['serve 02:00.0 --socket ~/s --sysroot @', 73, /Cannot serve 0000:02:00\.0: the driver nvme holds it/],
  ['serve 04:00.0 --socket ~/s --sysroot @', 69, /in no IOMMU group/],
  ['serve 7f:00.0 --socket ~/s --sysroot @', 69, /Cannot find 0000:7f:00\.0/],
]

describe('quiesce serve refuses', () => {
  let tree: FakeTree
  let folder: SocketFolder
  let busy: UnixListener
  before(() => {
    tree = passthroughMachine()
    folder = new SocketFolder()
    writeFileSync(folder.at('file'), 'precious')
    busy = UnixListener.listen(folder.at('busy'))
  })
  after(() => {
    busy[Symbol.dispose]()
    folder[Symbol.dispose]()
    tree[Symbol.dispose]()
  })

  for (const [typed, status, says] of cases) {
    it(`"quiesce ${typed.replace(longName, '<108 bytes>')}" with ${status}, says why, and leaves nothing behind`, () => {
      const untouched = [fingerprint(tree.root), lstatSync(folder.at('file')).mtimeMs, lstatSync(folder.at('busy')).ino]
      const args = typed.split(' ').map((word) => word.replace(/^@$/, tree.root).replace(/^~/, folder.path))
      const run = runProgram(args)
      assert.equal(run.status, status, run.stderr)
      assert.match(run.stderr.replaceAll('\n', ' '), says)
      assert.match(run.stderr, /^quiesce: Cannot .*[^.]\n {2}hint: \S/)
      assert.equal(run.stdout, '')
      assert.equal(existsSync(folder.at('s')), false)
      assert.deepEqual(
        [fingerprint(tree.root), lstatSync(folder.at('file')).mtimeMs, lstatSync(folder.at('busy')).ino],
        untouched,
      )
    })
  }
})

describe('quiesce serve --dry-run', () => {
  it('says where it would serve, and changes nothing', () => {
    using tree = passthroughMachine()
    using folder = new SocketFolder()
    const args = ['serve', '01:00.0', '--socket', folder.path, '--dry-run', '--sysroot', tree.root]
    const run = runProgram(args)
    assert.equal(run.status, 0, run.stderr)
    assert.match(run.stdout, /0000:01:00\.0 {2}would be served at .*\/0000:01:00\.0\.sock; nothing was opened/)
    assert.match(run.stdout, /-device '\{"driver":"vfio-user-pci"/)
    assert.equal(existsSync(folder.at('0000:01:00.0.sock')), false)
    const planned = JSON.parse(runProgram([...args, '--json']).stdout)
    assert.equal(planned.schema, 'quiesce.serve/1')
    assert.deepEqual([planned.event, planned.socket], ['planned', folder.at('0000:01:00.0.sock')])
  })

  it('says that a socket that was left behind would be replaced, and leaves it there', async () => {
    using folder = new SocketFolder()
    const path = folder.at('socket')
    {
      await using killed = new Serving(['sim:edu', '--socket', path, '--json'])
      await killed.event('serving')
      killed.signal('SIGKILL')
    }
    const before = lstatSync(path).ino
    const args = ['serve', 'sim:edu', '--socket', path, '--dry-run']
    assert.match(runProgram(args).stdout, /would be served at .*, in place of a socket that nobody listens on;/)
    assert.equal(JSON.parse(runProgram([...args, '--json']).stdout).replaces, true)
    assert.equal(lstatSync(path).ino, before)
  })

  it('of a socket that is in use refuses, and who listens there does not notice', async () => {
    using folder = new SocketFolder()
    const path = folder.at('socket')
    await using serving = new Serving(['sim:edu', '--socket', path, '--json'])
    await serving.event('serving')
    for (const more of [['--dry-run'], []]) {
      const run = runProgram(['serve', 'sim:flr', '--socket', path, ...more])
      assert.equal(run.status, 73)
      assert.match(run.stderr, /another process listens there\n {2}hint: /)
    }
    using fn = openVfioUserFunction(path)
    assert.equal(fn.config.read(0, 4), 0x11e8_1234)
    await serving.event('agreed')
    assert.deepEqual(serving.kinds(), ['serving', 'connected', 'agreed'])
  })
})

describe('the socket of quiesce serve', () => {
  it('replaces one that a process left behind', async () => {
    using folder = new SocketFolder()
    const path = folder.at('socket')
    {
      await using killed = new Serving(['sim:edu', '--socket', path, '--json'])
      await killed.event('serving')
      killed.signal('SIGKILL')
    }
    assert.ok(lstatSync(path).isSocket())
    await using serving = new Serving(['sim:edu', '--socket', path, '--json'])
    await serving.event('serving')
    using fn = openVfioUserFunction(path)
    assert.equal(fn.config.read(0, 4), 0x11e8_1234)
  })

  it('is not taken from whoever listens there', async () => {
    using folder = new SocketFolder()
    const path = folder.at('socket')
    await using serving = new Serving(['sim:edu', '--socket', path, '--json'])
    await serving.event('serving')
    await using second = new Serving(['sim:flr', '--socket', path])
    assert.equal(await second.ended(), 73)
    using fn = openVfioUserFunction(path)
    assert.equal(fn.config.read(0, 4), 0x11e8_1234)
  })

  it('may be one that a service manager listens on, which then stays', async () => {
    using folder = new SocketFolder()
    const path = folder.at('passed')
    using listener = UnixListener.listen(path)
    const fd = listener.share()
    await using serving = new Serving(['sim:edu', '--json'], { passed: [fd] })
    assert.equal((await serving.event('serving'))['socket'], path)
    {
      using fn = openVfioUserFunction(path)
      assert.equal(fn.config.read(0, 4), 0x11e8_1234)
    }
    await serving.event('released')
    serving.signal('SIGTERM')
    assert.equal(await serving.ended(), 10)
    assert.ok(lstatSync(path).isSocket())
  })

  it('that was passed must be one that is listened on, and one for each device', async () => {
    using folder = new SocketFolder()
    const [one, other] = UnixSocket.pair(4096)
    using _ = one
    using __ = other
    using listener = UnixListener.listen(folder.at('passed'))
    const fd = listener.share()
    for (const [devices, passed, says] of [
      [['sim:edu'], [1], /Cannot use descriptor 3: it is no UNIX stream socket that is listened on/],
      [['sim:edu', 'sim:flr'], [fd], /Cannot serve 2 devices at 1 passed socket/],
    ] as const) {
      await using serving = new Serving(devices, { passed })
      assert.equal(await serving.ended(), 64)
      assert.match(serving.stderr, says)
      assert.match(serving.stderr, /hint: /)
    }
  })
})
