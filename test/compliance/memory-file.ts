// A file that holds memory, as a guest's is passed to another process.
import { readSync, writeSync } from 'node:fs'
import { SharedMemory } from '../../src/linux/shared-memory.js'

export class MemoryFile implements Disposable {
  readonly #memory: SharedMemory
  readonly #size: number

  constructor(size: number, value: number) {
    this.#memory = new SharedMemory(BigInt(size))
    this.#size = size
    this.fill(value)
  }

  get fd(): number {
    return this.#memory.fd
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
    this.#memory[Symbol.dispose]()
  }
}
