import { constants, openSync } from 'node:fs'
import { QuiesceError } from '../errors/quiesce-error.js'
import { libc } from './libc.js'
import { systemCallError } from './system-call-error.js'

/** `F_DUPFD_CLOEXEC`, the same on every architecture. */
const duplicateCloseOnExec = 1030

/** An open file of this process; closed once, when disposed. */
export class FileDescriptor implements Disposable {
  readonly #fd: number
  readonly #what: string
  #open = true

  /** Takes over `fd`. `what` names it in errors. */
  constructor(fd: number, what: string) {
    this.#fd = fd
    this.#what = what
  }

  /**
   * Opens a file for reading and writing.
   * @throws QuiesceError as `systemCallError` makes it
   */
  static open(path: string): FileDescriptor {
    try {
      // Node opens with O_CLOEXEC: a child that inherited a VFIO file would keep the device open.
      return new FileDescriptor(openSync(path, constants.O_RDWR), path)
    } catch (error) {
      const errno = error instanceof Error && 'errno' in error ? Math.abs(Number(error.errno)) : 0
      throw systemCallError({ action: `open ${path}`, syscall: 'open', errno })
    }
  }

  /** @throws QuiesceError `CLOSED` after it was closed: the number may by then mean another file */
  get fd(): number {
    if (!this.#open) throw new QuiesceError('CLOSED', `Cannot use ${this.#what}: it is closed`)
    return this.#fd
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** A second descriptor of the same open file, which then stays open until both are closed. */
  duplicate(): FileDescriptor {
    const c = libc()
    // SAFETY: no pointers.
    const fd = c.fcntl(this.fd, duplicateCloseOnExec, 0)
    if (fd < 0) throw systemCallError({ action: `duplicate ${this.#what}`, syscall: 'fcntl', errno: c.errno() })
    return new FileDescriptor(fd, this.#what)
  }

  /** Gives up the descriptor without closing it; whoever takes the number closes it. */
  release(): number {
    const fd = this.fd
    this.#open = false
    return fd
  }

  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    // SAFETY: no pointers. Its result is of no use: Linux has closed the file whatever close() says.
    libc().close(this.#fd)
  }
}
