// Bytes of a file that another process shares: its memory, as this process reads and writes it. Unlike `FileMemory`, it is
// looked at from JavaScript: a file that is cut short under it raises SIGBUS and ends this process. `isSealed`
// (passed-file.ts) says whether its owner has given up cutting it short. Not for a device's registers: V8 reads one byte where
// only bits of one byte are looked at (`testb`), whatever the width of the view.
import koffi from 'koffi'
import { QuiesceError } from '../errors/quiesce-error.js'
import { libc } from './libc.js'
import { pageSize } from './process-limits.js'
import { systemCallError } from './system-call-error.js'

const protection = { read: 0x1, write: 0x2 } as const //            PROT_READ, PROT_WRITE
const shared = 0x01 //                                              MAP_SHARED
const overReserved = 0x02 | 0x10 | 0x20 | 0x4000 // MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE
const failed = 2n ** 64n - 1n //                                    MAP_FAILED

/** An ArrayBuffer has at most 4 GiB, so a file is seen through windows; a range lies in the window that it starts in. */
const windowStep = 1n << 30n
/** The longest range that always lies in one window. */
export const longestRange = 1 << 28

interface Reservation {
  readonly address: bigint
  readonly size: number
  /** Views that JavaScript may still hold. */
  views: number
  isDisposed: boolean
}

function release(range: Reservation): void {
  // SAFETY: nobody has a view of the range any more, and it is not to be used again.
  if (range.isDisposed && range.views === 0) libc().munmap(range.address, range.size)
}

const collected = new FinalizationRegistry<Reservation>((range) => {
  range.views--
  release(range)
})

/** A shared mapping of a file with views of its bytes. A view that outlives it sees zeros, as with `AnonymousMemory`. */
export class FileBytes implements Disposable {
  readonly size: bigint
  readonly #range: Reservation
  readonly #protection: number
  readonly #windows = new Map<bigint, Uint8Array>()

  /** The descriptor may be closed afterwards. @throws QuiesceError if it cannot be mapped */
  constructor(fd: number, offset: bigint, size: bigint, access: 'read' | 'read-write') {
    if (offset % BigInt(pageSize()) !== 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new QuiesceError('USAGE', `Cannot map ${size} bytes of a file from ${offset} on: not by whole pages`)
    }
    const c = libc()
    this.#protection = access === 'read' ? protection.read : protection.read | protection.write
    // SAFETY: asks for a fresh range; touches no memory that exists.
    const address = BigInt(c.mmap(null, Number(size), this.#protection, shared, fd, Number(offset)))
    if (address === failed) {
      throw systemCallError({ action: `map ${size} bytes of a file`, syscall: 'mmap', errno: c.errno() })
    }
    this.size = size
    this.#range = { address, size: Number(size), views: 0, isDisposed: false }
  }

  /** Where it begins in this process. */
  get address(): bigint {
    return this.#range.address
  }

  /** A view of a range that lies inside; `length` at most `longestRange`, or all of a file of less than 4 GiB. */
  view(offset: bigint, length: number): Uint8Array {
    if (this.#range.isDisposed) throw new QuiesceError('CLOSED', 'Cannot reach memory of a file: it was disposed')
    if (offset < 0n || offset + BigInt(length) > this.size) {
      throw new QuiesceError('USAGE', `Cannot reach ${length} bytes of a file at ${offset}: it has ${this.size}`)
    }
    const start = length > longestRange ? 0n : offset - (offset % windowStep)
    const window = this.#window(start, length > longestRange ? BigInt(length) : windowStep + BigInt(longestRange))
    return window.subarray(Number(offset - start), Number(offset - start) + length)
  }

  #window(start: bigint, wanted: bigint): Uint8Array {
    const left = this.size - start
    const length = Number(wanted < left ? wanted : left)
    const known = this.#windows.get(start)
    if (known !== undefined && known.byteLength >= length) return known
    // SAFETY: the range stays mapped until every buffer made here has been collected.
    const buffer = koffi.view(this.#range.address + start, length)
    this.#range.views++
    collected.register(buffer, this.#range)
    const window = new Uint8Array(buffer)
    this.#windows.set(start, window)
    return window
  }

  [Symbol.dispose](): void {
    if (this.#range.isDisposed) return
    this.#range.isDisposed = true
    this.#windows.clear()
    if (this.#range.views > 0) {
      // SAFETY: replaces exactly the pages that the constructor mapped, in one step. The file's memory is let go of now.
      libc().mmap(this.#range.address, this.#range.size, this.#protection, overReserved, -1, 0)
    }
    release(this.#range)
  }
}
