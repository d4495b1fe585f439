// The descriptors that came with one message. Whatever nobody takes is closed when the message has been dealt with, so
// that no message, however malformed, leaves one behind.
import { FileDescriptor } from '../../linux/file-descriptor.js'

export class ArrivedFds implements Disposable {
  readonly #files: (FileDescriptor | undefined)[]

  /** Those of nearly every message. */
  static readonly none = new ArrivedFds([])

  constructor(fds: readonly number[]) {
    this.#files = fds.map((fd) => new FileDescriptor(fd, 'a passed file'))
  }

  get count(): number {
    return this.#files.length
  }

  /** Whether all of those that nobody took are so. */
  every(isSo: (fd: number) => boolean): boolean {
    return this.#files.every((file) => file === undefined || isSo(file.fd))
  }

  /** Hands one over: it is the caller's to close from now on. Undefined where there is none, or it was taken already. */
  take(index: number): FileDescriptor | undefined {
    const file = this.#files[index]
    this.#files[index] = undefined
    return file
  }

  [Symbol.dispose](): void {
    for (let index = 0; index < this.#files.length; index++) this.take(index)?.[Symbol.dispose]()
  }
}
