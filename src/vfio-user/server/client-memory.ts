// The client's memory: what DMA_MAP and DMA_UNMAP made of it, and the device's accesses to it.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { DmaAccess } from '../../function/dma.js'
import { errnoName } from '../../linux/errno.js'
import type { Channel } from '../transport/channel.js'
import { ClientFiles } from './client-files.js'
import type { MappedClientMemory } from './client-mapping.js'
import type { DirtyPages } from './dirty-pages.js'
import type { ClientMemory } from './served-device.js'

/** How long the client may take to answer: QEMU gives up after as long. */
const answerTimeoutMs = 5_000

export class ServedMemory implements ClientMemory {
  readonly files = new ClientFiles()
  /** By address; none overlaps another. */
  readonly #mappings: MappedClientMemory[] = []
  readonly #channel: Channel
  readonly #dirty: DirtyPages
  #last: MappedClientMemory | undefined

  constructor(channel: Channel, dirty: DirtyPages) {
    this.#channel = channel
    this.#dirty = dirty
  }

  get mappings(): readonly MappedClientMemory[] {
    return this.#mappings
  }

  /** Those that touch a range, by address. */
  overlapping(address: bigint, size: bigint): readonly MappedClientMemory[] {
    const first = this.#firstEndingAfter(address)
    let end = first
    while ((this.#mappings[end]?.address ?? address + size) < address + size) end++
    return this.#mappings.slice(first, end)
  }

  add(mapping: MappedClientMemory): void {
    this.#mappings.splice(this.#firstEndingAfter(mapping.address), 0, mapping)
  }

  remove(mapping: MappedClientMemory): void {
    const at = this.#firstEndingAfter(mapping.address)
    if (this.#mappings[at] === mapping) this.#mappings.splice(at, 1)
    this.#last = undefined
    mapping[Symbol.dispose]()
  }

  view(address: bigint, size: number, access: DmaAccess): Uint8Array | undefined {
    const mapping = this.#find(address, size)
    return mapping?.allows(access) ? mapping.view(address, size) : undefined
  }

  read(address: bigint, into: Uint8Array): void | Promise<void> {
    const mapping = this.#reach(address, into.byteLength, 'read')
    if (mapping === undefined) return this.#inParts(address, into, 'read')
    const view = mapping.view(address, into.byteLength)
    if (view !== undefined) into.set(view)
    else if (!mapping.readFile(address, into)) return this.#ask(address, into)
  }

  write(address: bigint, from: Uint8Array): void | Promise<void> {
    const mapping = this.#reach(address, from.byteLength, 'write')
    if (mapping === undefined) return this.#inParts(address, from, 'write')
    this.#dirty.mark(address, from.byteLength)
    const view = mapping.view(address, from.byteLength)
    if (view !== undefined) view.set(from)
    else if (!mapping.writeFile(address, from)) return this.#tell(address, from)
  }

  markDirty(address: bigint, size: number): void {
    this.#dirty.mark(address, size)
  }

  /** The mapping that holds the whole range. */
  #find(address: bigint, size: number): MappedClientMemory | undefined {
    const end = address + BigInt(size)
    const last = this.#last
    if (last !== undefined && address >= last.address && end <= last.end) return last
    const found = this.#mappings[this.#firstEndingAfter(address)]
    if (found === undefined || address < found.address || end > found.end) return undefined
    this.#last = found
    return found
  }

  /** The place of the first mapping that ends beyond an address: a virtual IOMMU makes thousands. */
  #firstEndingAfter(address: bigint): number {
    let low = 0
    let high = this.#mappings.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#mappings[middle]?.end ?? 0n) > address) high = middle
      else low = middle + 1
    }
    return low
  }

  /** As `#find`, of memory that allows the access; undefined where the range is in several mappings. */
  #reach(address: bigint, size: number, access: 'read' | 'write'): MappedClientMemory | undefined {
    const mapping = this.#find(address, size)
    if (mapping !== undefined) {
      if (!mapping.allows(access)) throw outOfReach(address, size, `the device may not ${access} there`)
      return mapping
    }
    let end = address
    for (const part of this.overlapping(address, BigInt(size))) {
      if (part.address > end || !part.allows(access)) break
      end = part.end
    }
    if (size === 0 || end < address + BigInt(size)) throw outOfReach(address, size, 'it is not mapped')
    return undefined
  }

  /** A range that lies in several mappings, one beside the other. */
  async #inParts(address: bigint, bytes: Uint8Array, access: 'read' | 'write'): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      const here = address + BigInt(done)
      const mapping = this.#find(here, 1)
      if (mapping === undefined) throw outOfReach(here, 1, 'it is not mapped any more')
      const part = bytes.subarray(done, done + Number(mapping.end - here))
      await (access === 'read' ? this.read(here, part) : this.write(here, part))
      done += part.byteLength
    }
  }

  async #ask(address: bigint, into: Uint8Array): Promise<void> {
    for (const { at, part } of pieces(address, into, this.#most)) {
      const count = BigInt(part.byteLength)
      const outcome = await this.#channel.call('DMA_READ', { address: at, count }, { timeoutMs: answerTimeoutMs })
      if (!outcome.ok) throw refused(at, part.byteLength, outcome.errno)
      const { data } = outcome.payload
      if (data.byteLength !== part.byteLength) throw outOfReach(at, part.byteLength, `${data.byteLength} bytes came`)
      part.set(data)
    }
  }

  async #tell(address: bigint, from: Uint8Array): Promise<void> {
    for (const { at, part } of pieces(address, from, this.#most)) {
      const count = BigInt(part.byteLength)
      const payload = { address: at, count, data: part }
      const outcome = await this.#channel.call('DMA_WRITE', payload, { timeoutMs: answerTimeoutMs })
      if (!outcome.ok) throw refused(at, part.byteLength, outcome.errno)
      // The client may have read the log, and copied the page, after the message was sent and before it took effect.
      this.#dirty.mark(at, part.byteLength)
    }
  }

  get #most(): number {
    return this.#channel.terms?.maxDataTransfer ?? 1
  }
}

/** What one message may carry, one after the other. */
function* pieces(address: bigint, bytes: Uint8Array, most: number) {
  for (let done = 0; done < bytes.byteLength; done += most) {
    yield { at: address + BigInt(done), part: bytes.subarray(done, done + most) }
  }
}

function outOfReach(address: bigint, size: number, detail: string): QuiesceError {
  return new QuiesceError('DMA_ACCESS', `Cannot reach ${size} bytes at 0x${address.toString(16)}: ${detail}`)
}

function refused(address: bigint, size: number, errno: number): QuiesceError {
  return outOfReach(address, size, `the client refused it with ${errnoName(errno)}`)
}
