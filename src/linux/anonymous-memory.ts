// Memory that lies still at a known address, as DMA needs it. V8's own buffers do not: they may be moved or freed.
import koffi from 'koffi'
import { QuiesceError } from '../errors/quiesce-error.js'
import { libc } from './libc.js'
import { systemCallError } from './system-call-error.js'

const readWrite = 0x1 | 0x2 //            PROT_READ | PROT_WRITE
const sharedAnonymous = 0x01 | 0x20 //    MAP_SHARED | MAP_ANONYMOUS
const overReserved = 0x02 | 0x10 | 0x20 | 0x4000 // MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE
const failed = 2n ** 64n - 1n //          MAP_FAILED

// SAFETY: the last view of the range has been collected, so nothing in JavaScript can reach it.
const addresses = new FinalizationRegistry<{ address: bigint; size: number }>(({ address, size }) => {
  libc().munmap(address, size)
})

/**
 * Zeroed, page-aligned, shared memory. Disposing gives the pages back at once; the addresses are kept, backed by
 * nothing, until the last view of them is collected. So a view that outlives its memory reads zeros instead of killing
 * the process.
 */
export class AnonymousMemory implements Disposable {
  readonly address: bigint
  readonly size: number
  readonly #bytes: Uint8Array
  #mapped = true

  /** @throws QuiesceError `SYSTEM` if the kernel has no such memory */
  constructor(size: number) {
    const c = libc()
    // SAFETY: asks for a fresh range; touches no memory that exists.
    this.address = BigInt(c.mmap(null, size, readWrite, sharedAnonymous, -1, 0))
    if (this.address === failed) {
      throw systemCallError({ action: `allocate ${size} bytes for DMA`, syscall: 'mmap', errno: c.errno() })
    }
    this.size = size
    // SAFETY: the range is ours and stays mapped until this ArrayBuffer is collected.
    const buffer = koffi.view(this.address, size)
    addresses.register(buffer, { address: this.address, size })
    this.#bytes = new Uint8Array(buffer)
  }

  /** @throws QuiesceError `CLOSED` after it was disposed */
  get bytes(): Uint8Array {
    if (!this.#mapped) throw new QuiesceError('CLOSED', 'Cannot reach memory for DMA: it was disposed')
    return this.#bytes
  }

  [Symbol.dispose](): void {
    if (!this.#mapped) return
    this.#mapped = false
    // SAFETY: replaces exactly the pages that the constructor mapped, in one step, so that no other thread's mapping
    // can slip in between.
    libc().mmap(this.address, this.size, readWrite, overReserved, -1, 0)
  }
}
