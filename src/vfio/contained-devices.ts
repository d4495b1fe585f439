import { hex } from '../bits/hex.js'
import { QuiesceError } from '../errors/quiesce-error.js'
import type { KernelOutcome } from '../function/kernel-outcome.js'

/**
 * The devices of an address space that were cut off from memory. Nothing but its emptiness keeps them cut off, so it has
 * to stay empty until each of them is readmitted or closed.
 */
export class ContainedDevices {
  readonly #addresses = new Set<string>()

  get isEmpty(): boolean {
    return this.#addresses.size === 0
  }

  add(address: string): void {
    this.#addresses.add(address)
  }

  /** Whether it was there. */
  delete(address: string): boolean {
    return this.#addresses.delete(address)
  }

  /** Why a device that was readmitted reaches no memory yet. */
  refusal(): Extract<KernelOutcome, { ok: false }> {
    return { ok: false, errno: 'EBUSY', message: `${[...this.#addresses].join(', ')} beside it is still contained` }
  }

  /** @throws QuiesceError `DMA_CONFLICT` while there is one: it would reach the memory that `device` asks for */
  check(device: string, iova: bigint, size: bigint): void {
    const [contained] = this.#addresses
    if (contained === undefined) return
    const detail = contained === device ? 'it is contained' : `${contained} in the same container is contained`
    throw new QuiesceError(
      'DMA_CONFLICT',
      `Cannot map ${size} bytes at IOVA ${hex(iova, 1)} for ${device}: ${detail}`,
      {
        device,
        hint: `Close ${contained} first`,
      },
    )
  }
}
