// What the clients of devices in one address space have mapped: memory that several of them give is mapped once, and goes
// when the last of them lets go. The IOMMU cannot tell such devices apart, so nothing else is possible.
//
// While a device of the space is contained nothing is mapped. What is asked for then is mapped when all are let in again.
import { fstatSync } from 'node:fs'
import { hex } from '../../bits/hex.js'
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { DmaAccess, DmaMapping, DmaSpace } from '../../function/dma.js'
import type { ClientMapping } from './served-device.js'

interface Shared {
  readonly address: bigint
  readonly end: bigint
  readonly access: DmaAccess
  /** Those that gave it, each with the view that its device has of the space. */
  readonly holders: Map<ClientMapping, DmaSpace>
  /** Whose memory is mapped, where the space takes no files. */
  source: ClientMapping
  /** Undefined while the space takes no memory. */
  mapping: DmaMapping | undefined
}

/**
 * How long one client may still hold what another has replaced, in milliseconds. A VMM that lays its memory out anew tells
 * its devices one after the other, and gives up after five seconds (QEMU's wait_time).
 */
const patienceMs = 2_000

export class SharedMemoryDomain {
  readonly #patienceMs: number
  readonly #shared = new Map<bigint, Shared>()
  readonly #held = new Map<ClientMapping, Shared>()
  /** The views of devices, with how many mappings their clients hold. */
  readonly #spaces = new Map<DmaSpace, number>()
  readonly #contained = new Set<DmaSpace>()
  #isLost = false
  readonly #waiting = new Set<() => void>()

  constructor(options: { readonly patienceMs?: number } = {}) {
    this.#patienceMs = options.patienceMs ?? patienceMs
  }

  /**
   * Lets the devices reach what a client of one of them gives, which does not overlap what that client gave before. If another
   * client still holds something else there, waits a little while.
   * @throws QuiesceError `DMA_CONFLICT` with EEXIST if something else stays there; as `DmaSpace.mapBacking` does
   */
  map(dma: DmaSpace, wanted: ClientMapping): void | Promise<void> {
    if (this.#tryMap(dma, wanted)) return
    // What is no file of memory cannot be told from others, and nobody lays it out anew together.
    if (identityOf(wanted) === undefined) throw conflict(wanted)
    return this.#mapLater(dma, wanted)
  }

  /** The client takes it back. Throws where the IOMMU keeps it; it is then out of use, and tried again when it is in the way. */
  unmap(given: ClientMapping): void {
    const shared = this.#held.get(given)
    const dma = shared?.holders.get(given)
    if (shared === undefined || dma === undefined) return
    this.#held.delete(given)
    shared.holders.delete(given)
    this.#count(dma, -1)
    try {
      this.#drop(shared)
    } finally {
      for (const wake of [...this.#waiting]) wake()
    }
    const [next] = shared.holders
    // The other has the same bytes elsewhere in this process, and those of this one are about to go.
    if (next === undefined || shared.source !== given) return
    const [source, view] = next
    shared.source = source
    // While memory is lost nothing takes its place: `readmit` maps what there is then.
    if (view.backings.has('fd') || this.#isLost || shared.mapping === undefined) return
    shared.mapping[Symbol.dispose]()
    shared.mapping = place(view, source)
  }

  /** What nobody holds, and the IOMMU would not let go of. @throws QuiesceError if it still does not */
  dropUnheld(): void {
    for (const shared of [...this.#shared.values()]) this.#drop(shared)
  }

  /** A device was contained: nothing is mapped any more, or nothing of it is reached. */
  cutOff(dma: DmaSpace): void {
    this.#contained.add(dma)
    this.#isLost = true
  }

  /** A device was readmitted: with the last of them, everything is mapped again. @throws QuiesceError if it cannot be */
  readmit(dma: DmaSpace): void {
    this.#contained.delete(dma)
    if (this.#contained.size > 0 || !this.#isLost) return
    for (const shared of this.#shared.values()) {
      const [holder] = shared.holders
      shared.mapping?.[Symbol.dispose]()
      shared.mapping = undefined
      if (holder === undefined) this.#shared.delete(shared.address)
      else shared.mapping = place(holder[1], shared.source)
    }
    this.#isLost = false
  }

  /** A device is closed, and its client gone: it keeps the others from memory no longer. */
  forget(dma: DmaSpace): void {
    this.#contained.delete(dma)
    if (this.#contained.size === 0 && this.#shared.size === 0) this.#isLost = false
  }

  /** All devices are closed, and their clients gone: the space ends with what is still mapped in it. */
  forgetAll(): void {
    this.#shared.clear()
    this.#contained.clear()
    this.#isLost = false
  }

  /** False where something else is there. */
  #tryMap(dma: DmaSpace, wanted: ClientMapping): boolean {
    const known = this.#shared.get(wanted.address)
    if (known !== undefined && known.holders.size > 0 && isSame(known, wanted)) {
      this.#hold(known, dma, wanted)
      return true
    }
    if (!this.#isFree(dma, wanted)) return false
    const { address, size, access } = wanted
    const mapping = this.#isLost ? undefined : place(dma, wanted)
    const shared = { address, end: address + size, access, holders: new Map(), source: wanted, mapping }
    this.#shared.set(address, shared)
    this.#hold(shared, dma, wanted)
    return true
  }

  async #mapLater(dma: DmaSpace, wanted: ClientMapping): Promise<void> {
    const end = performance.now() + this.#patienceMs
    while (!this.#tryMap(dma, wanted)) {
      const left = end - performance.now()
      if (left <= 0) throw conflict(wanted)
      await this.#changed(left)
    }
  }

  /** Settles when something was unmapped, or when time is up. */
  #changed(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, timeoutMs)
      this.#waiting.add(wake)
    })
  }

  #hold(shared: Shared, dma: DmaSpace, wanted: ClientMapping): void {
    shared.holders.set(wanted, dma)
    this.#held.set(wanted, shared)
    this.#count(dma, 1)
  }

  #count(dma: DmaSpace, by: number): void {
    const count = (this.#spaces.get(dma) ?? 0) + by
    if (count > 0) this.#spaces.set(dma, count)
    else this.#spaces.delete(dma)
  }

  #isFree(dma: DmaSpace, { address, size }: ClientMapping): boolean {
    // One client's own mappings do not overlap, and a single device has thousands of them.
    const isAlone = this.#spaces.size === 0 || (this.#spaces.size === 1 && this.#spaces.has(dma))
    if (isAlone && this.#shared.size === this.#held.size) return true
    let isFree = true
    for (const other of [...this.#shared.values()]) {
      if (other.address >= address + size || address >= other.end) continue
      // Nobody holds it, but the IOMMU has refused to let it go.
      if (other.holders.size === 0) this.#drop(other)
      else isFree = false
    }
    return isFree
  }

  /** Unmaps what nobody holds. */
  #drop(shared: Shared): void {
    if (shared.holders.size > 0) return
    shared.mapping?.[Symbol.dispose]()
    this.#shared.delete(shared.address)
  }
}

/** Which file it is, for all that have it open; undefined of what is no file of memory: all of one kind look alike. */
function identityOf({ file }: ClientMapping): string | undefined {
  if (file === undefined) return undefined
  const stat = fstatSync(file.fd, { bigint: true })
  return stat.isFile() ? `${stat.dev}:${stat.ino}` : undefined
}

function isSame({ end, access, source }: Shared, wanted: ClientMapping): boolean {
  if (end !== wanted.address + wanted.size || access !== wanted.access) return false
  if (source.file?.offset !== wanted.file?.offset) return false
  const identity = identityOf(wanted)
  return identity !== undefined && identity === identityOf(source)
}

function place(dma: DmaSpace, wanted: ClientMapping): DmaMapping {
  const { address, size, access, file } = wanted
  if (file !== undefined && dma.backings.has('fd')) return dma.mapBacking(address, size, file, access)
  const bytes = wanted.memory()
  if (bytes !== undefined) return dma.mapBacking(address, size, { memory: bytes, offset: 0n }, access)
  throw new QuiesceError('DMA_ACCESS', `Cannot map ${size} bytes at ${hex(address, 1)}: they cannot be reached`)
}

function conflict({ address, size }: ClientMapping): QuiesceError {
  const message = `Cannot map ${size} bytes at ${hex(address, 1)}: a device of the same IOMMU group has something else there`
  return new QuiesceError('DMA_CONFLICT', message, { errnoName: 'EEXIST' })
}
