// The files that a client's memory lies in. Many mappings are of one file: with a virtual IOMMU every page that the guest
// maps comes with the file of all its memory. Each is kept, and mapped, once, however many mappings there are: descriptors
// and areas of address space are the process's, and a client that used them up would end the devices of others too.
import { type BigIntStats, fstatSync } from 'node:fs'
import { QuiesceError } from '../../errors/quiesce-error.js'
import { FileBytes } from '../../linux/file-bytes.js'
import type { FileDescriptor } from '../../linux/file-descriptor.js'
import { libc } from '../../linux/libc.js'
import { answersByItself, isSealed, seal } from '../../linux/passed-file.js'

/** Files of one client at a time. */
const mostFiles = 512
/** Areas of one file: it is mapped anew where it has grown, or is to be written as well. */
const mostAreas = 8
/** F_GETFL. */
const getFlags = 3

interface Area {
  readonly bytes: FileBytes
  readonly writable: boolean
}

export class ClientFile implements Disposable {
  readonly isSealed: boolean
  readonly isRegular: boolean
  readonly #descriptor: FileDescriptor
  readonly #onUnused: () => void
  readonly #areas: Area[] = []
  #users = 0

  /** Takes over the descriptor. */
  constructor(descriptor: FileDescriptor, isRegular: boolean, onUnused: () => void) {
    this.#descriptor = descriptor
    this.#onUnused = onUnused
    this.isRegular = isRegular
    this.isSealed = isSealed(descriptor.fd)
  }

  get fd(): number {
    return this.#descriptor.fd
  }

  /** Sees to it that it never becomes shorter, where its owner lets it. Whether it is so. */
  seal(): boolean {
    return seal(this.fd)
  }

  use(): this {
    this.#users++
    return this
  }

  /** @throws QuiesceError `USAGE` if it ends before that */
  assertHolds(end: bigint): void {
    if (this.isRegular && fstatSync(this.fd, { bigint: true }).size < end) {
      throw new QuiesceError('USAGE', `Cannot map a file up to byte ${end}: it ends before that`)
    }
  }

  /** All of it, of which `end` is inside. @throws QuiesceError if it cannot be mapped so */
  bytes(end: bigint, access: 'read' | 'read-write'): FileBytes {
    const isWritten = access === 'read-write'
    const known = this.#areas.find(({ bytes, writable }) => bytes.size >= end && (writable || !isWritten))
    if (known !== undefined) return known.bytes
    if (this.#areas.length >= mostAreas) {
      throw new QuiesceError('SYSTEM', 'Cannot map a file: it has grown too often', { errnoName: 'ENOSPC' })
    }
    const bytes = new FileBytes(this.fd, 0n, fstatSync(this.fd, { bigint: true }).size, access)
    this.#areas.push({ bytes, writable: isWritten })
    return bytes
  }

  /** One user less; with the last, it is closed. */
  [Symbol.dispose](): void {
    this.#users--
    if (this.#users > 0) return
    this.#onUnused()
    for (const { bytes } of this.#areas) bytes[Symbol.dispose]()
    this.#descriptor[Symbol.dispose]()
  }
}

export class ClientFiles {
  readonly #files = new Map<string, ClientFile>()

  /**
   * Takes over the descriptor of one more mapping's file, which is the mapping's to dispose. Undefined: the file might
   * keep whoever asks it waiting for ever, and is left alone.
   * @throws QuiesceError `SYSTEM` if the client has too many
   */
  take(descriptor: FileDescriptor): ClientFile | undefined {
    if (!answersByItself(descriptor.fd)) {
      descriptor[Symbol.dispose]()
      return undefined
    }
    const stat = fstatSync(descriptor.fd, { bigint: true })
    const key = keyOf(descriptor, stat)
    const known = this.#files.get(key)
    if (known !== undefined || this.#files.size >= mostFiles) {
      descriptor[Symbol.dispose]()
      if (known !== undefined) return known.use()
      throw new QuiesceError('SYSTEM', 'Cannot map more of a client: its memory lies in too many files', {
        errnoName: 'ENOSPC',
      })
    }
    const file = new ClientFile(descriptor, stat.isFile(), () => this.#files.delete(key))
    this.#files.set(key, file)
    return file.use()
  }
}

/** The same for descriptors that are as good as each other. */
function keyOf({ fd }: FileDescriptor, { dev, ino, rdev }: BigIntStats): string {
  // SAFETY: no pointers.
  return [dev, ino, rdev, libc().fcntl(fd, getFlags, 0)].join(':')
}
