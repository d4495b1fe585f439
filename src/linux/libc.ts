// The C library's functions that Node does not offer. Loaded at the first call, so that importing this costs nothing
// where no device is opened. Sizes and offsets are declared 64 bits wide: VFIO has no 32-bit hosts worth having.
import koffi from 'koffi'

/** Where `mmap` is asked to put memory, and what it answers. */
type Pointer = bigint | null

/** A function that can also be called on a thread of libuv's pool; errno is then its own in the callback. */
export interface BlockingFunction<A extends readonly unknown[]> {
  (...args: A): number
  async(...args: [...A, (error: unknown, value: number) => void]): void
}

export interface Libc {
  readonly ioctl: BlockingFunction<[fd: number, request: number, argument: Uint8Array | null]>
  readonly ioctlByValue: BlockingFunction<[fd: number, request: number, argument: number]>
  pread(fd: number, into: Uint8Array, count: number, offset: number | bigint): number
  pwrite(fd: number, from: Uint8Array, count: number, offset: number | bigint): number
  mmap(at: Pointer, size: number, protection: number, flags: number, fd: number, offset: number): bigint
  munmap(at: bigint, size: number): number
  read(fd: number, into: BigUint64Array, count: number): number
  write(fd: number, from: BigUint64Array, count: number): number
  eventfd(initial: number, flags: number): number
  fcntl(fd: number, command: number, argument: number): number
  readonly close: BlockingFunction<[fd: number]>
  readonly poll: BlockingFunction<[entries: Uint8Array | null, count: number, timeoutMs: number]>
  getrlimit(resource: number, limit: BigUint64Array): number
  sysconf(name: number): number
  /** errno of this thread's last call. */
  errno(): number
}

let loaded: Libc | undefined

/** The C library of this process. */
export function libc(): Libc {
  loaded ??= load()
  return loaded
}

function load(): Libc {
  // The process itself, so that musl and glibc both work without a file name.
  const self = koffi.load(null)
  return {
    ioctl: self.func('int ioctl(int fd, ulong request, uint8_t *argument)'),
    ioctlByValue: self.func('ioctl', 'int', ['int', 'ulong', 'long']),
    pread: self.func('int64_t pread(int fd, uint8_t *into, size_t count, int64_t offset)'),
    pwrite: self.func('int64_t pwrite(int fd, const uint8_t *from, size_t count, int64_t offset)'),
    mmap: self.func('uintptr_t mmap(void *at, size_t size, int protection, int flags, int fd, int64_t offset)'),
    munmap: self.func('int munmap(void *at, size_t size)'),
    read: self.func('int64_t read(int fd, uint64_t *into, size_t count)'),
    write: self.func('int64_t write(int fd, const uint64_t *from, size_t count)'),
    eventfd: self.func('int eventfd(uint initial, int flags)'),
    fcntl: self.func('int fcntl(int fd, int command, long argument)'),
    close: self.func('int close(int fd)'),
    poll: self.func('int poll(uint8_t *entries, ulong count, int timeoutMs)'),
    getrlimit: self.func('int getrlimit(int resource, uint64_t *limit)'),
    sysconf: self.func('long sysconf(int name)'),
    errno: () => koffi.errno(),
  }
}
