// A UNIX socket that is listened on: at a path, for its owner only, or one that was passed to this process.
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  type Stats,
  unlinkSync,
} from 'node:fs'
import { QuiesceError } from '../errors/quiesce-error.js'
import { type DescriptorWatch, watchDescriptor } from './descriptor-watch.js'
import { errnoName } from './errno.js'
import { FileDescriptor } from './file-descriptor.js'
import { libc } from './libc.js'
import { socketCalls } from './socket-calls.js'
import { socketConstant } from './socket-constants.js'
import { systemCallError } from './system-call-error.js'
import { encodeSocketAddress } from './unix-address.js'
import { UnixSocket } from './unix-socket.js'

const { AF_UNIX, SOCK_DGRAM, SOCK_STREAM, SOCK_CLOEXEC, SOCK_NONBLOCK } = socketConstant

/** Clients that wait for their turn. */
const backlog = 16
const ownerOnly = 0o600
const everybody = 0o666
/** F_SETFL and O_NONBLOCK. */
const setFlags = 4
const nonBlocking = 0o4000
/** O_PATH: which file it is, whatever it is; nothing of it is opened. */
const pathOnly = 0o10000000

/** Who may reach a socket's file: by default its maker alone. */
export interface SocketAccess {
  /** The user that it is given to, by number. Where this process may not give it away, it is open to everybody. */
  readonly owner?: number
  /** Everybody may connect, and whoever accepts has to look who it is. */
  readonly isOpen?: boolean
}

export class UnixListener implements Disposable {
  readonly #file: FileDescriptor
  /** The file that goes with it; undefined where somebody else made it. */
  readonly #path: string | undefined
  readonly #inode: number | undefined

  private constructor(file: FileDescriptor, path: string | undefined) {
    this.#file = file
    this.#path = path
    this.#inode = path === undefined ? undefined : lstatSync(path).ino
  }

  /**
   * Listens at `path`, with mode 0600 unless `access` says otherwise. A socket that a process left behind is replaced.
   * @throws QuiesceError `BUSY` if somebody listens there already, or the path is something else
   */
  static listen(path: string, access: SocketAccess = {}): UnixListener {
    const c = socketCalls()
    const address = encodeSocketAddress(path)
    const action = `listen on ${path}`
    removeStale(path)
    // SAFETY: no pointers.
    const fd = c.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
    if (fd < 0) throw systemCallError({ action, syscall: 'socket', errno: libc().errno() })
    const file = new FileDescriptor(fd, path)
    try {
      // SAFETY: the kernel reads `byteLength` bytes of the address, before the call returns.
      if (c.bind(fd, address, address.byteLength) < 0) {
        throw systemCallError({ action, syscall: 'bind', errno: libc().errno() })
      }
      // Nobody can connect before it is listened on, so nobody sees it with the mode of the umask.
      openTo(path, access)
      // SAFETY: no pointers.
      if (c.listen(fd, backlog) < 0) throw systemCallError({ action, syscall: 'listen', errno: libc().errno() })
      return new UnixListener(file, path)
    } catch (error) {
      file[Symbol.dispose]()
      throw error
    }
  }

  /** One that is listened on already and was passed to this process: socket activation. Its file stays. */
  static adopt(fd: number): UnixListener {
    const passed = new FileDescriptor(fd, 'a passed socket')
    const file = passed.duplicate()
    passed[Symbol.dispose]()
    // SAFETY: no pointers. A socket has no other flags that this could take away.
    if (libc().fcntl(file.fd, setFlags, nonBlocking) < 0) {
      throw systemCallError({ action: 'use a passed socket', syscall: 'fcntl', errno: libc().errno() })
    }
    return new UnixListener(file, undefined)
  }

  /** A descriptor of the same listening socket for somebody else, another thread say, to `adopt`. */
  share(): number {
    return this.#file.duplicate().release()
  }

  /** The next client, or nothing: without waiting. */
  accept(sendSize: number): UnixSocket | undefined {
    for (;;) {
      // SAFETY: no pointers.
      const fd = socketCalls().accept4(this.#file.fd, null, null, SOCK_CLOEXEC)
      if (fd >= 0) return new UnixSocket(new FileDescriptor(fd, 'a connection'), sendSize)
      const errno = libc().errno()
      const name = errnoName(errno)
      // A client that is gone again is none.
      if (name === 'EINTR' || name === 'ECONNABORTED') continue
      if (name === 'EAGAIN') return undefined
      throw systemCallError({ action: 'accept a connection', syscall: 'accept4', errno })
    }
  }

  /** Calls back from the event loop while somebody wants to connect. */
  watch(callback: () => void): DescriptorWatch {
    return watchDescriptor(this.#file.fd, { readable: true }, callback)
  }

  [Symbol.dispose](): void {
    if (!this.#file.isOpen) return
    // Only our own: meanwhile somebody else may have taken the path. Before it is closed, since until then no other file can
    // have its number.
    try {
      if (this.#path !== undefined && inodeOf(this.#path) === this.#inode) unlinkSync(this.#path)
    } finally {
      this.#file[Symbol.dispose]()
    }
  }
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino
}

/**
 * Whoever may write to the directory can put a link to a file of this user's at the path, at any moment: what changes is the
 * socket that is found, and nothing else.
 */
function openTo(path: string, access: SocketAccess): void {
  const fd = openSync(path, pathOnly | constants.O_NOFOLLOW)
  try {
    const found = fstatSync(fd)
    if (!found.isSocket() || found.uid !== process.geteuid?.()) {
      throw new QuiesceError('BUSY', `Cannot listen on ${path}: another process put something else there`)
    }
    const file = `/proc/self/fd/${fd}`
    chmodSync(file, modeFor(file, access))
  } finally {
    closeSync(fd)
  }
}

/** Gives the file away, where it is to be, and says which mode it takes. */
function modeFor(path: string, { owner, isOpen = false }: SocketAccess): number {
  if (isOpen) return everybody
  if (owner === undefined || owner === process.geteuid?.()) return ownerOnly
  try {
    chownSync(path, owner, process.getegid?.() ?? -1)
    return ownerOnly
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EPERM') return everybody
    throw error
  }
}

/** What is at a path, as far as listening there goes. `stale`: a socket that nobody has any more. */
export type SocketPlace = 'free' | 'stale' | 'in-use' | 'no-socket'

/**
 * Looks, and changes nothing; nobody who listens there notices.
 * @throws QuiesceError `PERMISSION` if this user may not look
 */
export function lookAtSocket(path: string): SocketPlace {
  const stat = lookUp(path)
  if (stat === undefined) return 'free'
  if (!stat.isSocket()) return 'no-socket'
  const c = socketCalls()
  const address = encodeSocketAddress(path)
  const action = `look at ${path}`
  // SAFETY: no pointers.
  const fd = c.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd < 0) throw systemCallError({ action, syscall: 'socket', errno: libc().errno() })
  using _file = new FileDescriptor(fd, path)
  // By a socket of another type than one listens with: the kernel looks for the socket of this path first, and refuses the
  // type then (unix_find_bsd). A connection of the same type would be a client to whoever listens there.
  // SAFETY: the kernel reads `byteLength` bytes of the address, before the call returns.
  if (c.connect(fd, address, address.byteLength) === 0) return 'in-use'
  const errno = libc().errno()
  switch (errnoName(errno)) {
    case 'ECONNREFUSED':
      return 'stale'
    case 'ENOENT':
      return 'free'
    case 'EPROTOTYPE':
    // A datagram socket that talks to one other only.
    case 'EPERM':
      return 'in-use'
    default:
      throw systemCallError({ action, syscall: 'connect', errno })
  }
}

function lookUp(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    const errno = error instanceof Error && 'errno' in error ? Math.abs(Number(error.errno)) : 0
    throw systemCallError({ action: `look at ${path}`, syscall: 'lstat', errno })
  }
}

/** @throws QuiesceError `BUSY` where nobody else may listen */
export function assertListenable(path: string, place: SocketPlace): void {
  if (place === 'free' || place === 'stale') return
  const detail = place === 'in-use' ? 'another process listens there' : 'it is there, and is no socket'
  throw new QuiesceError('BUSY', `Cannot listen on ${path}: ${detail}`)
}

function removeStale(path: string): void {
  const place = lookAtSocket(path)
  assertListenable(path, place)
  if (place === 'stale') unlinkSync(path)
}

/**
 * The descriptors that a service manager passed to this process: sd_listen_fds(3). Empty where they are for another.
 */
export function passedListeners(environment: Readonly<Record<string, string | undefined>>, pid: number): number[] {
  if (environment['LISTEN_PID'] !== String(pid)) return []
  const count = Number(environment['LISTEN_FDS'] ?? 0)
  return Number.isInteger(count) && count > 0 && count < 1024 ? Array.from({ length: count }, (_, i) => 3 + i) : []
}
