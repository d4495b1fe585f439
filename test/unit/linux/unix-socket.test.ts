import assert from 'node:assert/strict'
import {
  fstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { EventFd } from '../../../src/linux/eventfd.js'
import { libc } from '../../../src/linux/libc.js'
import { SharedMemory } from '../../../src/linux/shared-memory.js'
import { isEventfd, signalEventfd, takeEventfd } from '../../../src/linux/signal-eventfd.js'
import { lookAtSocket, passedListeners, UnixListener } from '../../../src/linux/unix-listener.js'
import { adoptSocket, closeDescriptors, UnixSocket } from '../../../src/linux/unix-socket.js'

const size = 1 << 16

/** As a client could at any moment: the flag is that of the open file, not of a descriptor. */
function setBlocking(fd: number): void {
  const setFlags = 4
  assert.equal(libc().fcntl(fd, setFlags, 0), 0)
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length

function say(socket: UnixSocket, text: string, fds: readonly number[] = []): void {
  const bytes = new TextEncoder().encode(text)
  socket.sendBuffer.set(bytes)
  assert.deepEqual(socket.send(0, bytes.byteLength, fds), { kind: 'sent', bytes: bytes.byteLength })
}

function hear(socket: UnixSocket): { readonly text: string; readonly fds: readonly number[] } {
  assert.ok(socket.wait({ readable: true }, 1_000))
  const got = socket.receive()
  assert.ok(got.kind === 'data')
  return { text: new TextDecoder().decode(got.bytes), fds: got.fds }
}

function withFolder(run: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'unix-socket-'))
  try {
    run(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe('a UNIX socket', () => {
  it('carries bytes and descriptors both ways', () => {
    const [one, other] = UnixSocket.pair(size)
    using _one = one
    using _other = other
    using memory = new SharedMemory(4096n)
    say(one, 'here', [memory.fd, memory.fd])
    const { text, fds } = hear(other)
    assert.equal(text, 'here')
    assert.equal(fds.length, 2)
    for (const fd of fds) {
      assert.equal(fstatSync(fd).ino, fstatSync(memory.fd).ino)
      const flags = /flags:\s+0(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
      assert.notEqual(Number.parseInt(flags ?? '0', 8) & 0o2000000, 0, 'closed on exec')
    }
    closeDescriptors(fds)
    say(other, 'back')
    assert.deepEqual(hear(one), { text: 'back', fds: [] })
  })
  it('takes as many descriptors as the kernel passes at once', () => {
    const [one, other] = UnixSocket.pair(size)
    using _one = one
    using _other = other
    using memory = new SharedMemory(4096n)
    const before = openDescriptors()
    say(
      one,
      'many',
      Array.from({ length: 253 }, () => memory.fd),
    )
    const { fds } = hear(other)
    assert.equal(fds.length, 253)
    closeDescriptors(fds)
    assert.equal(openDescriptors(), before)
  })
  it('says that there is nothing, that the other side reads nothing, and that it is gone', () => {
    const [one, other] = UnixSocket.pair(size)
    using _one = one
    assert.equal(one.receive().kind, 'nothing')
    assert.equal(one.wait({ readable: true }, 1), false)
    let rounds = 0
    while (one.send(0, size).kind === 'sent') assert.ok(rounds++ < 1000)
    assert.equal(one.send(0, size).kind, 'full')
    other[Symbol.dispose]()
    assert.equal(one.send(0, 1).kind, 'closed')
    assert.equal(one.receive().kind, 'closed')
    assert.equal(other.receive().kind, 'closed')
    other[Symbol.dispose]()
  })
  it('descriptors that nobody read are closed with it', () => {
    using memory = new SharedMemory(4096n)
    const [one, other] = UnixSocket.pair(size)
    const before = openDescriptors()
    say(one, 'x', [memory.fd])
    one[Symbol.dispose]()
    other[Symbol.dispose]()
    assert.equal(openDescriptors(), before - 2)
  })
  it('knows who is at the other end', () => {
    const [one, other] = UnixSocket.pair(size)
    using _one = one
    using _other = other
    assert.deepEqual(one.peer(), { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() })
  })
})

describe('a listener', () => {
  it('is for its owner only, and takes its file with it', () => {
    withFolder((folder) => {
      const path = join(folder, 's')
      const listener = UnixListener.listen(path)
      assert.equal(statSync(path).mode & 0o777, 0o600)
      assert.equal(listener.accept(size), undefined)
      using client = UnixSocket.connect(path, size)
      using server = listener.accept(size)
      assert.ok(server !== undefined)
      say(client, 'hello')
      assert.equal(hear(server).text, 'hello')
      listener[Symbol.dispose]()
      assert.equal(statSync(path, { throwIfNoEntry: false }), undefined)
      assert.throws(() => UnixSocket.connect(path, size), { code: 'NO_DEVICE' })
    })
  })
  it('replaces what a dead process left, and nothing else', () => {
    withFolder((folder) => {
      const path = join(folder, 's')
      using listener = UnixListener.listen(path)
      assert.throws(() => UnixListener.listen(path), { code: 'BUSY' })
      const file = join(folder, 'file')
      writeFileSync(file, 'precious')
      assert.throws(() => UnixListener.listen(file), { code: 'BUSY' })
      assert.equal(readFileSync(file, 'utf8'), 'precious')
      assert.equal(listener.accept(size), undefined, 'nobody who only looks is a client')
    })
  })
  it('tells a place that is free from one that is in use, one that was left behind, and one that is something else', () => {
    withFolder((folder) => {
      const [used, file] = [join(folder, 'used'), join(folder, 'file')]
      using listener = UnixListener.listen(used)
      writeFileSync(file, '')
      // As a process leaves it that is killed: renamed, so that closing it does not find it.
      const gone = UnixListener.listen(join(folder, 'gone'))
      renameSync(join(folder, 'gone'), join(folder, 'stale'))
      gone[Symbol.dispose]()
      assert.deepEqual(
        ['nothing', 'used', 'stale', 'file'].map((name) => lookAtSocket(join(folder, name))),
        ['free', 'in-use', 'stale', 'no-socket'],
      )
      assert.throws(() => lookAtSocket(join(file, 'below')), { name: 'QuiesceError' })
      assert.equal(listener.accept(size), undefined)
      using again = UnixListener.listen(join(folder, 'stale'))
      assert.equal(again.accept(size), undefined)
    })
  })
  it('does not take away what somebody else has put in its place', () => {
    withFolder((folder) => {
      const path = join(folder, 's')
      const listener = UnixListener.listen(path)
      renameSync(path, join(folder, 'moved'))
      using other = UnixListener.listen(path)
      listener[Symbol.dispose]()
      using client = UnixSocket.connect(path, size)
      assert.ok(client.isOpen)
      using accepted = other.accept(size)
      assert.ok(accepted !== undefined)
    })
  })
  it('belongs to another user, or is for everybody, where it should', () => {
    withFolder((folder) => {
      using open = UnixListener.listen(join(folder, 'open'), { isOpen: true })
      assert.equal(open.accept(size), undefined)
      assert.equal(statSync(join(folder, 'open')).mode & 0o777, 0o666)
      using given = UnixListener.listen(join(folder, 'given'), { owner: 65534 })
      assert.equal(given.accept(size), undefined)
      const { uid, mode } = statSync(join(folder, 'given'))
      // Only root can give files away.
      const isRoot = process.geteuid?.() === 0
      assert.deepEqual([uid, mode & 0o777], isRoot ? [65534, 0o600] : [process.geteuid?.(), 0o666])
    })
  })
  it('a path that is too long is refused', () => {
    assert.throws(() => UnixListener.listen(`/tmp/${'x'.repeat(120)}`), { code: 'USAGE' })
  })
  it('names those that a service manager passed to this very process', () => {
    assert.deepEqual(passedListeners({ LISTEN_PID: '7', LISTEN_FDS: '2' }, 7), [3, 4])
    assert.deepEqual(passedListeners({ LISTEN_PID: '7', LISTEN_FDS: '2' }, 8), [])
    assert.deepEqual(passedListeners({ LISTEN_PID: '7', LISTEN_FDS: 'x' }, 7), [])
    assert.deepEqual(passedListeners({}, 7), [])
  })
  it('a descriptor that is none cannot be adopted', () => {
    assert.throws(() => adoptSocket(-1, size), { code: 'USAGE' })
    assert.throws(() => adoptSocket(1_000_000, size))
  })
})

describe('an eventfd of somebody else', () => {
  it('is told from other files', () => {
    using eventfd = new EventFd()
    using memory = new SharedMemory(4096n)
    assert.equal(isEventfd(eventfd.fd), true)
    assert.equal(isEventfd(memory.fd), false)
    assert.equal(isEventfd(1_000_000), false)
  })
  it('counts signals, and a full one is left as it is', () => {
    using eventfd = new EventFd()
    signalEventfd(eventfd.fd)
    signalEventfd(eventfd.fd)
    assert.equal(eventfd.take(), 2n)
    writeSync(eventfd.fd, new Uint8Array(new BigUint64Array([2n ** 64n - 2n]).buffer))
    signalEventfd(eventfd.fd)
    assert.ok(eventfd.take() >= 2n ** 64n - 2n)
  })
  it('more signals than the kernel is asked for at once are all there', () => {
    using eventfd = new EventFd()
    for (let round = 0; round < 1000; round++) signalEventfd(eventfd.fd)
    assert.equal(eventfd.take(), 1000n)
  })
  it('one that blocks, full for a write and empty for a read, holds nobody up', () => {
    using eventfd = new EventFd()
    setBlocking(eventfd.fd)
    assert.equal(takeEventfd(eventfd.fd), 0n)
    writeSync(eventfd.fd, new Uint8Array(new BigUint64Array([2n ** 64n - 2n]).buffer))
    signalEventfd(eventfd.fd)
    signalEventfd(eventfd.fd)
    assert.ok(takeEventfd(eventfd.fd) >= 2n ** 64n - 2n)
    assert.equal(takeEventfd(eventfd.fd), 0n)
  })
})
