// The C library's functions for UNIX sockets. Node's own sockets pass no descriptors and cannot be read synchronously.
import koffi from 'koffi'

export interface SocketCalls {
  socket(domain: number, type: number, protocol: number): number
  socketpair(domain: number, type: number, protocol: number, pair: Int32Array): number
  bind(fd: number, address: Uint8Array, length: number): number
  listen(fd: number, backlog: number): number
  accept4(fd: number, address: null, length: null, flags: number): number
  connect(fd: number, address: Uint8Array, length: number): number
  /** `message` is the address of a `struct msghdr`. */
  recvmsg(fd: number, message: number, flags: number): number
  sendmsg(fd: number, message: number, flags: number): number
  getsockopt(fd: number, level: number, option: number, value: Int32Array, length: Uint32Array): number
  /** `entries` is the address of as many `struct pollfd`. */
  poll(entries: number, count: number, timeoutMs: number): number
}

let loaded: SocketCalls | undefined

/** The socket functions of this process. */
export function socketCalls(): SocketCalls {
  loaded ??= load()
  return loaded
}

function load(): SocketCalls {
  const self = koffi.load(null)
  return {
    socket: self.func('int socket(int domain, int type, int protocol)'),
    socketpair: self.func('int socketpair(int domain, int type, int protocol, int *pair)'),
    bind: self.func('int bind(int fd, const uint8_t *address, uint length)'),
    listen: self.func('int listen(int fd, int backlog)'),
    accept4: self.func('int accept4(int fd, void *address, void *length, int flags)'),
    connect: self.func('int connect(int fd, const uint8_t *address, uint length)'),
    recvmsg: self.func('int64_t recvmsg(int fd, uintptr_t message, int flags)'),
    sendmsg: self.func('int64_t sendmsg(int fd, uintptr_t message, int flags)'),
    getsockopt: self.func('int getsockopt(int fd, int level, int option, _Inout_ int *value, _Inout_ uint *length)'),
    poll: self.func('poll', 'int', ['uintptr_t', 'ulong', 'int']),
  }
}
