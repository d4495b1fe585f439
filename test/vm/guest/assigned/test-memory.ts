// In the guest: the memory of a machine, in a file of memory, announced to whoever gives devices access to it.
import { closeSync, ftruncateSync, openSync, unlinkSync } from 'node:fs'
import type { GuestMemory, GuestMemoryRange } from '../../../../src/device/vmm.js'
import { MappedFile } from './mapped-file.js'

/** Within the 28 bits that QEMU's edu can address. */
export const memoryStart = 0x10_0000n
const memorySize = 0x20_0000n
const page = 0x1000

export class TestMemory implements GuestMemory, Disposable {
  readonly #fd: number
  readonly #file: MappedFile
  readonly #listeners = new Set<() => void>()
  readonly #all: readonly GuestMemoryRange[]
  #ranges: readonly GuestMemoryRange[]

  /** @param byFile announce it as a file, which is what a VMM shares, or as memory of this process */
  constructor(byFile: boolean) {
    const path = `/dev/shm/guest-memory-${process.pid}`
    this.#fd = openSync(path, 'w+')
    unlinkSync(path)
    ftruncateSync(this.#fd, Number(memorySize))
    this.#file = new MappedFile(this.#fd, 0n, memorySize)
    const at = (offset: bigint) => (byFile ? { fd: this.#fd, offset } : { hostAddress: this.#file.address + offset })
    // In two parts, of which the second is announced apart.
    const half = memorySize / 2n
    this.#all = [0n, half].map((offset) => ({
      guestAddress: memoryStart + offset,
      size: half,
      access: 'read-write',
      backing: at(offset),
    }))
    this.#ranges = this.#all
  }

  get ranges(): readonly GuestMemoryRange[] {
    return this.#ranges
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) }
  }

  /** Takes all of it away and gives it out again: to the next guest. */
  announceAgain(): void {
    for (const ranges of [[], this.#all]) {
      this.#ranges = ranges
      for (const listener of this.#listeners) listener()
    }
  }

  /** How many listen to changes. */
  get listeners(): number {
    return this.#listeners.size
  }

  /** The bytes of page `index`, and where the guest finds it. */
  page(index: number): { readonly address: bigint; readonly bytes: Uint8Array; readonly view: DataView } {
    const bytes = this.#file.bytes.subarray(index * page, (index + 1) * page)
    const view = new DataView(bytes.buffer, bytes.byteOffset, page)
    return { address: memoryStart + BigInt(index * page), bytes, view }
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]()
    closeSync(this.#fd)
  }
}
