import type { ContainmentOutcome, KernelOutcome } from '../function/kernel-outcome.js'
import type { Attachment, OwnershipProof } from './attachment.js'
import type { CdevGroup } from './cdev-group.js'
import type { DmaDomain } from './dma-domain.js'
import type { DependentFunction } from './hot-reset.js'
import { attachedLater, refusal } from './kernel-outcomes.js'
import type { ResetsUnderWay } from './resets-under-way.js'

/** A device that was opened as a character device and bound to an iommufd. */
export class CdevAttachment implements Attachment {
  readonly backend = 'vfio-cdev'
  readonly domain: DmaDomain
  readonly #address: string
  readonly #group: CdevGroup
  readonly #resets: ResetsUnderWay
  readonly #leave: () => void

  constructor(address: string, group: CdevGroup, resets: ResetsUnderWay, leave: () => void) {
    this.#address = address
    this.#group = group
    this.#resets = resets
    this.#leave = leave
    this.domain = group.domain
  }

  contain(): ContainmentOutcome {
    // Detaching waits for a hot reset, which may never end. Emptying the IOAS does not, but takes along whoever shares it.
    if (!this.#group.canDetach || this.#isHotReset) {
      const result = this.domain.cutOff(this.#address)
      if (!result.ok) return refusal('unmap', result.errno)
      return { ok: true, method: 'unmap-all', alsoContained: this.#others(this.domain.devices) }
    }
    const result = this.#group.contain(this.#address)
    if (!result.ok) return refusal('detach', result.errno)
    return { ok: true, method: 'detach', alsoContained: this.#others(this.#group.addresses) }
  }

  readmit(): KernelOutcome {
    if (this.#isHotReset) return attachedLater
    const emptied = this.domain.readmit(this.#address)
    const detached = this.#group.readmit(this.#address)
    return emptied.ok ? detached : emptied
  }

  /** Whether the kernel holds the lock of a bus reset on a device of the group. */
  get #isHotReset(): boolean {
    return this.#group.addresses.some((address) => this.#resets.hasHotReset(address))
  }

  #others(addresses: Iterable<string>): string[] {
    return [...addresses].filter((address) => address !== this.#address)
  }

  owns(dependent: DependentFunction): boolean {
    return 'isOwned' in dependent && dependent.isOwned
  }

  /** The kernel knows by the iommufd. */
  prove(): OwnershipProof {
    return { groupFds: [], [Symbol.dispose]: () => {} }
  }

  release(): void {
    this.#group.remove(this.#address)
    this.#leave()
  }
}
