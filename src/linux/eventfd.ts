import { type DescriptorWatch, watchDescriptor } from './descriptor-watch.js'
import { FileDescriptor } from './file-descriptor.js'
import { libc } from './libc.js'
import { takeEventfd } from './signal-eventfd.js'
import { systemCallError } from './system-call-error.js'

const nonBlocking = 0o4000 //       EFD_NONBLOCK
const closeOnExec = 0o2000000 //    EFD_CLOEXEC

/** A counter that the kernel signals from interrupt context; this process reads it from its event loop. */
export class EventFd implements Disposable {
  readonly #file: FileDescriptor
  #poll: DescriptorWatch | undefined

  constructor() {
    const c = libc()
    // SAFETY: no pointers.
    const fd = c.eventfd(0, nonBlocking | closeOnExec)
    if (fd < 0) throw systemCallError({ action: 'create an eventfd', syscall: 'eventfd', errno: c.errno() })
    this.#file = new FileDescriptor(fd, 'eventfd')
  }

  get fd(): number {
    return this.#file.fd
  }

  /** How often it was signalled since the last call; 0 where it was not. */
  take(): bigint {
    return takeEventfd(this.fd)
  }

  /** Calls back, with the number of signals, whenever there are some. Replaces an earlier callback. */
  onSignal(callback: (count: bigint) => void): void {
    this.#poll?.close()
    this.#poll = watchDescriptor(this.fd, { readable: true }, () => {
      const count = this.take()
      if (count > 0n) callback(count)
    })
  }

  [Symbol.dispose](): void {
    // The watch goes first: epoll must not be left with a number that may by then mean another file.
    this.#poll?.close()
    this.#poll = undefined
    this.#file[Symbol.dispose]()
  }
}
