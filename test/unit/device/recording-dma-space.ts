// An address space as strict as a type 1 container (type1v2): whole mappings only, no overlaps, a limit on their number.
// It keeps a log, and fails where a test says so.
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import type {
  DmaAccess,
  DmaBacking,
  DmaBackingKind,
  DmaMapping,
  DmaMemory,
  DmaSpace,
} from '../../../src/function/dma.js'

export const page = 0x1000n
const hex = (value: bigint): string => `0x${value.toString(16)}`

interface Held extends DmaMapping {
  readonly backing: DmaBacking
}

export interface RecordingDmaOptions {
  readonly limit?: number
  readonly domain?: object
  readonly log?: string[]
  readonly backings?: readonly DmaBackingKind[]
}

export class RecordingDmaSpace implements DmaSpace {
  readonly pageSize = page
  readonly apertures = [
    { first: 0n, last: 0xfedf_ffffn },
    { first: 0xfef0_0000n, last: (1n << 39n) - 1n },
  ]
  readonly sharedWith: readonly string[] = []
  readonly domain: object
  readonly backings: ReadonlySet<DmaBackingKind>
  readonly log: string[]
  readonly #limit: number | undefined
  readonly held = new Set<Held>()
  /** What to refuse, by the line of the log. */
  refuse: (line: string) => boolean = () => false
  /** Called after everything that changed something. */
  changed: () => void = () => {}

  constructor(options: RecordingDmaOptions = {}) {
    this.domain = options.domain ?? this
    this.log = options.log ?? []
    this.backings = new Set(options.backings ?? ['memory', 'fd', 'hostAddress', 'dmabuf'])
    this.#limit = options.limit
  }

  get mappings(): readonly DmaMapping[] {
    return [...this.held]
  }

  get mappingsLeft(): number | undefined {
    return this.#limit === undefined ? undefined : this.#limit - this.held.size
  }

  allocate(size: bigint): DmaMemory {
    return { bytes: new Uint8Array(Number(size)), address: 0n, [Symbol.dispose]: () => {} }
  }

  map(iova: bigint, memory: DmaMemory, access: DmaAccess): DmaMapping {
    return this.mapBacking(iova, BigInt(memory.bytes.length), { memory, offset: 0n }, access)
  }

  mapBacking(iova: bigint, size: bigint, backing: DmaBacking, access: DmaAccess): DmaMapping {
    const line = `map ${hex(iova)} ${hex(size)} ${access}`
    const fits = this.apertures.some(({ first, last }) => iova >= first && iova + size - 1n <= last)
    if (size <= 0n || iova % page !== 0n || size % page !== 0n || !fits) throw new Error(`EINVAL: ${line}`)
    for (const each of this.held) {
      if (iova < each.iova + each.size && each.iova < iova + size)
        throw new QuiesceError('DMA_CONFLICT', `EEXIST: ${line}`)
    }
    if (this.mappingsLeft === 0) throw new Error(`ENOSPC: ${line}`)
    if (this.refuse(line)) throw new Error(`refused: ${line}`)
    this.log.push(line)
    const held: Held = { iova, size, access, backing, [Symbol.dispose]: () => this.#unmap(held) }
    this.held.add(held)
    this.changed()
    return held
  }

  unmap(): bigint {
    throw new Error('the mappings of others are not to be unmapped')
  }

  /** What each page shows a device. */
  pages(): Map<bigint, string> {
    const pages = new Map<bigint, string>()
    for (const { iova, size, access, backing } of this.held) {
      for (let at = 0n; at < size; at += page) pages.set(iova + at, pageOf(backing, at, access))
    }
    return pages
  }

  /** As containment by unmapping does. */
  loseAll(): void {
    this.held.clear()
  }

  #unmap(held: Held): void {
    if (!this.held.has(held)) return
    const line = `unmap ${hex(held.iova)} ${hex(held.size)}`
    if (this.refuse(line)) throw new Error(`refused: ${line}`)
    this.log.push(line)
    this.held.delete(held)
    this.changed()
  }
}

const numbers = new WeakMap<DmaMemory, number>()
let count = 0

/** What is at `at` in a backing, in words that are the same for the same page. */
export function pageOf(backing: DmaBacking, at: bigint, access: DmaAccess): string {
  if ('hostAddress' in backing) return `host ${hex(backing.hostAddress + at)} ${access}`
  if ('fd' in backing) return `fd ${backing.fd} ${hex(backing.offset + at)} ${access}`
  if ('dmabuf' in backing) return `dmabuf ${backing.dmabuf} ${hex(backing.offset + at)} ${access}`
  const number = numbers.get(backing.memory) ?? ++count
  numbers.set(backing.memory, number)
  return `memory ${number} ${hex(backing.offset + at)} ${access}`
}
