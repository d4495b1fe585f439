import type { DmaMapping, DmaSpace } from '../../function/dma.js'
import type { GuestMemoryRange } from '../vmm.js'
import { endOf } from './memory-range.js'
import type { PeerArea } from './peer-areas.js'

/** What one address space maps of other devices. Memory goes before it: a guest can place a BAR wherever it likes. */
export class PeerMappings {
  readonly #mappings = new Map<PeerArea, DmaMapping>()

  get areas(): readonly PeerArea[] {
    return [...this.#mappings.keys()]
  }

  take(area: PeerArea, space: DmaSpace): void {
    if (this.#mappings.has(area)) return
    const { guestAddress, size, dmabuf } = area
    try {
      this.#mappings.set(area, space.mapBacking(guestAddress, size, { dmabuf, offset: 0n }, 'read-write'))
    } catch (error) {
      area.failed(error)
    }
  }

  /** Throws where it stays mapped. */
  drop(area: PeerArea): void {
    this.#mappings.get(area)?.[Symbol.dispose]()
    this.#mappings.delete(area)
  }

  /** Makes way for memory. */
  dropUnder(ranges: readonly GuestMemoryRange[]): void {
    for (const area of this.areas) {
      if (ranges.some((range) => area.guestAddress < endOf(range) && range.guestAddress < endOf(area))) this.drop(area)
    }
  }

  /** Something else has unmapped those that are not in `there`. */
  forgetLost(there: (area: PeerArea) => boolean): void {
    for (const area of this.areas) if (!there(area)) this.#mappings.delete(area)
  }
}
