// A connected UNIX stream socket that passes descriptors, read and written without blocking or, where a caller has to,
// with waiting.
import { type ErrorCode, QuiesceError } from '../errors/quiesce-error.js'
import { type DescriptorWatch, watchDescriptor } from './descriptor-watch.js'
import { errnoName } from './errno.js'
import { FileDescriptor } from './file-descriptor.js'
import { libc } from './libc.js'
import { MessageBuffers } from './message-buffers.js'
import { socketCalls } from './socket-calls.js'
import { socketConstant } from './socket-constants.js'
import { systemCallError } from './system-call-error.js'
import { encodeSocketAddress } from './unix-address.js'

const {
  AF_UNIX,
  SOCK_STREAM,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_CMSG_CLOEXEC,
  POLLIN,
  POLLOUT,
} = socketConstant

/** One read takes at most this much; what is longer comes in several. */
const receiveSize = 256 * 1024

export type Received =
  | {
      readonly kind: 'data'
      /** A view, good until the next receive. */
      readonly bytes: Uint8Array
      /** Close-on-exec, and the caller's to close. */
      readonly fds: readonly number[]
      /** The kernel dropped some: this process may open no more files. */
      readonly fdsLost: boolean
      /** There was room for more than came: probably nothing is left. */
      readonly isAll: boolean
    }
  | { readonly kind: 'nothing' }
  /** The other side has closed, or the connection broke. */
  | { readonly kind: 'closed' }

export type Sent =
  | { readonly kind: 'sent'; readonly bytes: number }
  /** The other side does not read. */
  | { readonly kind: 'full' }
  | { readonly kind: 'closed' }

const noDescriptors: readonly number[] = []

/** Who is at the other end, as of its connect or listen. */
export interface PeerCredentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

/** EAGAIN: the listener's queue is full, and a socket that blocks would wait for room in it without end. */
const connectErrors: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'NO_DEVICE',
  ECONNREFUSED: 'NO_DEVICE',
  EAGAIN: 'BUSY',
}

export class UnixSocket implements Disposable {
  readonly #file: FileDescriptor
  readonly #incoming = new MessageBuffers(receiveSize)
  readonly #outgoing: MessageBuffers

  /** Takes over the descriptor of a connected socket. `sendSize`: the longest message that is sent at once. */
  constructor(file: FileDescriptor, sendSize: number) {
    this.#file = file
    this.#outgoing = new MessageBuffers(sendSize)
  }

  /**
   * Connects to a listening socket. @throws QuiesceError `NO_DEVICE` if nobody listens there, `BUSY` if too many wait there
   * already
   */
  static connect(path: string, sendSize: number): UnixSocket {
    const c = socketCalls()
    const action = `connect to ${path}`
    const address = encodeSocketAddress(path)
    // SAFETY: no pointers.
    const fd = c.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
    if (fd < 0) throw systemCallError({ action, syscall: 'socket', errno: libc().errno() })
    const file = new FileDescriptor(fd, path)
    // SAFETY: the kernel reads `byteLength` bytes of the address, before the call returns.
    if (c.connect(fd, address, address.byteLength) === 0) return new UnixSocket(file, sendSize)
    const errno = libc().errno()
    file[Symbol.dispose]()
    const code = connectErrors[errnoName(errno)]
    throw systemCallError({ action, syscall: 'connect', errno }, code === undefined ? {} : { code })
  }

  /** Two sockets that are connected with each other. */
  static pair(sendSize: number): readonly [UnixSocket, UnixSocket] {
    const pair = new Int32Array(2)
    // SAFETY: the kernel writes two numbers before the call returns.
    if (socketCalls().socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
      throw systemCallError({ action: 'make a pair of sockets', syscall: 'socketpair', errno: libc().errno() })
    }
    const [one = -1, other = -1] = pair
    const socket = (fd: number) => new UnixSocket(new FileDescriptor(fd, 'a socket'), sendSize)
    return [socket(one), socket(other)]
  }

  get isOpen(): boolean {
    return this.#file.isOpen
  }

  /** Where a message is made that `send` then sends. */
  get sendBuffer(): Uint8Array {
    return this.#outgoing.data
  }

  /** What there is, without waiting. */
  receive(): Received {
    if (!this.#file.isOpen) return { kind: 'closed' }
    const incoming = this.#incoming
    for (;;) {
      incoming.prepareToReceive()
      // SAFETY: the msghdr and all that it points to is memory of `incoming`, which lies still until it is disposed, and
      // says how long each part is. Descriptors are closed on exec from the start.
      const count = Number(socketCalls().recvmsg(this.#file.fd, incoming.address, MSG_DONTWAIT | MSG_CMSG_CLOEXEC))
      if (count < 0) {
        const errno = errnoName(libc().errno())
        if (errno === 'EINTR') continue
        return { kind: errno === 'EAGAIN' ? 'nothing' : 'closed' }
      }
      const isAll = count < receiveSize
      if (!incoming.hasControl) {
        if (count === 0) return { kind: 'closed' }
        return { kind: 'data', bytes: incoming.data.subarray(0, count), fds: noDescriptors, fdsLost: false, isAll }
      }
      const { fds, lost } = incoming.takeDescriptors()
      if (count > 0) return { kind: 'data', bytes: incoming.data.subarray(0, count), fds, fdsLost: lost, isAll }
      closeDescriptors(fds)
      return { kind: 'closed' }
    }
  }

  /** Sends `length` bytes of the send buffer from `offset`, as many as the other side has room for, and descriptors with them. */
  send(offset: number, length: number, fds: readonly number[] = noDescriptors): Sent {
    if (!this.#file.isOpen) return { kind: 'closed' }
    for (;;) {
      this.#outgoing.prepareToSend(offset, length, fds)
      // SAFETY: as in `receive`. The kernel takes references of its own to what the descriptors mean.
      const count = Number(socketCalls().sendmsg(this.#file.fd, this.#outgoing.address, MSG_DONTWAIT | MSG_NOSIGNAL))
      if (count >= 0) return { kind: 'sent', bytes: count }
      const errno = errnoName(libc().errno())
      if (errno === 'EINTR') continue
      // ETOOMANYREFS: too many descriptors are in flight, and will be fewer once the other side reads.
      return { kind: errno === 'EAGAIN' || errno === 'ETOOMANYREFS' ? 'full' : 'closed' }
    }
  }

  /** Blocks until the socket can be read (or written), or the other side is gone, or time is up. Whether it is so. */
  wait(what: { readonly readable?: boolean; readonly writable?: boolean }, timeoutMs: number): boolean {
    const events = (what.readable === true ? POLLIN : 0) | (what.writable === true ? POLLOUT : 0)
    const entry = new Uint8Array(8)
    const view = new DataView(entry.buffer)
    view.setInt32(0, this.#file.fd, true)
    view.setInt16(4, events, true)
    // SAFETY: one struct pollfd of 8 bytes, read and written before the call returns.
    return libc().poll(entry, 1, Math.max(0, Math.ceil(timeoutMs))) > 0
  }

  /** Calls back from the event loop whenever the socket can be read (or written). Level-triggered. */
  watch(what: { readonly readable?: boolean; readonly writable?: boolean }, callback: () => void): DescriptorWatch {
    return watchDescriptor(this.#file.fd, what, callback)
  }

  peer(): PeerCredentials {
    const credentials = new Int32Array(3)
    const length = new Uint32Array([12])
    const { SOL_SOCKET, SO_PEERCRED } = socketConstant
    // SAFETY: struct ucred is three 32-bit numbers, as `length` says; written before the call returns.
    if (socketCalls().getsockopt(this.#file.fd, SOL_SOCKET, SO_PEERCRED, credentials, length) < 0) {
      throw systemCallError({ action: 'ask who connected', syscall: 'getsockopt', errno: libc().errno() })
    }
    const [pid = 0, uid = -1, gid = -1] = credentials
    return { pid, uid: uid >>> 0, gid: gid >>> 0 }
  }

  [Symbol.dispose](): void {
    if (!this.#file.isOpen) return
    this.#file[Symbol.dispose]()
    this.#incoming[Symbol.dispose]()
    this.#outgoing[Symbol.dispose]()
  }
}

/** Closes descriptors that came over a socket and that nobody wants. */
export function closeDescriptors(fds: readonly number[]): void {
  for (const fd of fds) new FileDescriptor(fd, 'a passed file')[Symbol.dispose]()
}

/** The descriptor of a socket that is connected already and was passed to this process. */
export function adoptSocket(fd: number, sendSize: number): UnixSocket {
  if (!Number.isInteger(fd) || fd < 0)
    throw new QuiesceError('USAGE', `Cannot use descriptor ${fd}: it is no descriptor`)
  const passed = new FileDescriptor(fd, 'a passed socket')
  // A descriptor that was inherited is not closed on exec; its duplicate is.
  const file = passed.duplicate()
  passed[Symbol.dispose]()
  return new UnixSocket(file, sendSize)
}
