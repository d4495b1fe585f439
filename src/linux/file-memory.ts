// A part of a file at an address of this process, for the kernel to pin. Nothing in JavaScript looks at it, so that a
// file which is cut short meanwhile cannot raise SIGBUS here.
import { statfsSync, statSync } from 'node:fs'
import { QuiesceError } from '../errors/quiesce-error.js'
import { FileMapping } from './file-mapping.js'
import { pageSize } from './process-limits.js'

const hugetlbfsMagic = 0x958458f6

/** What a mapping of the file is made of, in bytes: hugetlbfs maps and unmaps whole huge pages only. */
function granuleOf(fd: number): bigint {
  try {
    const path = `/proc/self/fd/${fd}`
    if (statfsSync(path).type >>> 0 === hugetlbfsMagic) return BigInt(statSync(path).blksize)
  } catch {
    // Without /proc there is no telling; ordinary pages are by far the likelier.
  }
  return BigInt(pageSize())
}

export class FileMemory implements Disposable {
  /** Where the byte at `offset` of the file lies. */
  readonly address: bigint
  readonly #mapping: FileMapping

  /**
   * `size` bytes of `fd` from `offset` on, by whole pages. The descriptor may be closed afterwards.
   * @throws QuiesceError `USAGE` if the offset is unaligned, as `systemCallError` makes it if the file cannot be mapped
   */
  constructor(fd: number, offset: bigint, size: bigint, access: 'read' | 'read-write') {
    if (offset < 0n || offset % BigInt(pageSize()) !== 0n) {
      throw new QuiesceError('USAGE', `Cannot map a file from byte ${offset} on: it is not the start of a page`)
    }
    const granule = granuleOf(fd)
    const before = offset % granule
    const whole = ((before + size + granule - 1n) / granule) * granule
    const what = `${size} bytes of a file`
    this.#mapping = new FileMapping({ fd, offset: offset - before, size: whole, writable: access !== 'read', what })
    this.address = this.#mapping.address + before
  }

  [Symbol.dispose](): void {
    this.#mapping[Symbol.dispose]()
  }
}
