// Memory in a file of its own, which can be passed to another process (memfd_create(2)).
import koffi from 'koffi'
import { FileBytes } from './file-bytes.js'
import { FileDescriptor } from './file-descriptor.js'
import { libc } from './libc.js'
import { sealConstant } from './seal-constants.js'
import { systemCallError } from './system-call-error.js'

const { MFD_CLOEXEC, MFD_ALLOW_SEALING, F_ADD_SEALS, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW } = sealConstant
const fixedSize = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW

interface MemoryFiles {
  memfd_create(name: string, flags: number): number
  ftruncate(fd: number, size: number): number
}

let loaded: MemoryFiles | undefined

function memoryFiles(): MemoryFiles {
  if (loaded === undefined) {
    const self = koffi.load(null)
    loaded = {
      memfd_create: self.func('int memfd_create(const char *name, uint flags)'),
      ftruncate: self.func('int ftruncate(int fd, int64_t size)'),
    }
  }
  return loaded
}

/** Zeroed memory with a descriptor; its size is sealed, so that whoever gets it may map it without fear. */
export class SharedMemory implements Disposable {
  readonly #file: FileDescriptor
  readonly #bytes: FileBytes

  /** @throws QuiesceError `SYSTEM` if the kernel has no such memory */
  constructor(size: bigint) {
    const c = memoryFiles()
    const failure = (syscall: string) =>
      systemCallError({ action: `allocate ${size} bytes of shared memory`, syscall, errno: libc().errno() })
    // SAFETY: the name is copied before the call returns.
    const fd = c.memfd_create('quiesce', MFD_CLOEXEC | MFD_ALLOW_SEALING)
    if (fd < 0) throw failure('memfd_create')
    this.#file = new FileDescriptor(fd, 'shared memory')
    try {
      // SAFETY: no pointers, here and below.
      if (c.ftruncate(fd, Number(size)) < 0) throw failure('ftruncate')
      if (libc().fcntl(fd, F_ADD_SEALS, fixedSize) < 0) throw failure('fcntl')
      this.#bytes = new FileBytes(fd, 0n, size, 'read-write')
    } catch (error) {
      this.#file[Symbol.dispose]()
      throw error
    }
  }

  get fd(): number {
    return this.#file.fd
  }

  get address(): bigint {
    return this.#bytes.address
  }

  /** All of it. @throws QuiesceError `CLOSED` after it was disposed */
  get bytes(): Uint8Array {
    return this.#bytes.view(0n, Number(this.#bytes.size))
  }

  [Symbol.dispose](): void {
    this.#bytes[Symbol.dispose]()
    this.#file[Symbol.dispose]()
  }
}
