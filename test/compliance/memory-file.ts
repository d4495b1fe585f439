// A file that holds memory, as a memfd does: without a name, and on a tmpfs.
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export class MemoryFile implements Disposable {
  readonly fd: number
  readonly #size: number

  constructor(size: number, value: number) {
    const folder = mkdtempSync('/dev/shm/quiesce-')
    this.fd = openSync(join(folder, 'memory'), 'w+')
    rmSync(folder, { recursive: true })
    this.#size = size
    this.fill(value)
  }

  fill(value: number): void {
    writeSync(this.fd, new Uint8Array(this.#size).fill(value), 0, this.#size, 0)
  }

  read(offset: number, size: number): Uint8Array {
    const bytes = new Uint8Array(size)
    readSync(this.fd, bytes, 0, size, offset)
    return bytes
  }

  [Symbol.dispose](): void {
    closeSync(this.fd)
  }
}
