// Peer to peer: BARs of the devices of one guest, for the DMA of the others. Each is known here for as long as it is
// placed in the guest, and every address space of the guest's devices maps it at the guest's address.
import { attemptAll } from '../attempt-all.js'
import type { GuestMemory } from '../vmm.js'

export interface PeerArea {
  readonly guestAddress: bigint
  readonly size: bigint
  /** Shares it, for as long as it is in the guest. */
  readonly dmabuf: number
  /** Whose it is. */
  readonly owner: object
  /** It could not be mapped for the others. */
  failed(reason: unknown): void
}

/** An address space that maps the areas of others. */
export interface PeerHost {
  take(area: PeerArea): void
  /** Throws where it stays mapped. */
  drop(area: PeerArea): void
}

export class PeerAreas {
  static readonly #known = new WeakMap<GuestMemory, PeerAreas>()
  readonly #areas = new Set<PeerArea>()
  readonly #hosts = new Set<PeerHost>()

  /** The areas of the guest whose memory this is. */
  static of(memory: GuestMemory): PeerAreas {
    const known = PeerAreas.#known.get(memory)
    if (known !== undefined) return known
    const fresh = new PeerAreas()
    PeerAreas.#known.set(memory, fresh)
    return fresh
  }

  get areas(): ReadonlySet<PeerArea> {
    return this.#areas
  }

  addHost(host: PeerHost): void {
    this.#hosts.add(host)
  }

  deleteHost(host: PeerHost): void {
    this.#hosts.delete(host)
  }

  /** Maps it for the others; disposing takes it back from all of them, and throws the first failure once all were tried. */
  add(area: PeerArea): Disposable {
    this.#areas.add(area)
    for (const host of this.#hosts) host.take(area)
    return {
      [Symbol.dispose]: () => {
        if (!this.#areas.delete(area)) return
        attemptAll([...this.#hosts].map((host) => () => host.drop(area)))
      },
    }
  }
}
