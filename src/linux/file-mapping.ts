// A part of a file in this process's address space, for the kernel to be told of: a device's BAR as memory of a virtual
// machine, a memfd for DMA. It shows no bytes: touching a BAR that does not decode, or a file that was cut short, raises
// SIGBUS, which no JavaScript can catch.
import { libc } from './libc.js'
import { systemCallError } from './system-call-error.js'

const protection = { read: 0x1, write: 0x2 } as const // PROT_*
const shared = 0x01 //                                   MAP_SHARED
const failed = 2n ** 64n - 1n //                         MAP_FAILED

export interface FileMappingRange {
  readonly fd: number
  readonly offset: bigint
  readonly size: bigint
  readonly writable: boolean
  /** Names it in errors. */
  readonly what: string
}

/** A shared mapping. Disposing it unmaps it. */
export class FileMapping implements Disposable {
  readonly address: bigint
  readonly size: bigint
  #mapped = true

  /** @throws QuiesceError as `systemCallError` makes it */
  constructor({ fd, offset, size, writable, what }: FileMappingRange) {
    const c = libc()
    const access = protection.read | (writable ? protection.write : 0)
    // SAFETY: asks for a fresh range; touches no memory that exists. Regions of VFIO start at multiples of 2^40, which a
    // number holds exactly.
    this.address = BigInt(c.mmap(null, Number(size), access, shared, fd, Number(offset)))
    this.size = size
    if (this.address === failed) throw systemCallError({ action: `map ${what}`, syscall: 'mmap', errno: c.errno() })
  }

  [Symbol.dispose](): void {
    if (!this.#mapped) return
    this.#mapped = false
    // SAFETY: exactly the range that the constructor mapped; whoever was told its address has given it up.
    libc().munmap(this.address, Number(this.size))
  }
}
