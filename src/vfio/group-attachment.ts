import type { ContainmentOutcome, KernelOutcome } from '../function/kernel-outcome.js'
import type { Attachment, OwnershipProof } from './attachment.js'
import type { VfioContainer } from './container.js'
import type { DmaDomain } from './dma-domain.js'
import type { VfioGroup } from './group.js'
import type { DependentFunction } from './hot-reset.js'
import { refusal } from './kernel-outcomes.js'

/** Who keeps the groups that are open. */
export interface GroupKeeper {
  hasGroup(id: string): boolean
  /** Descriptors of those groups that are open, kept so until the hold is disposed. */
  hold(ids: ReadonlySet<string>): OwnershipProof
  /** One user less: the last one closes it. */
  leave(group: VfioGroup): void
}

/** A device that was opened by its group. */
export class GroupAttachment implements Attachment {
  readonly backend = 'vfio-group'
  readonly domain: DmaDomain
  readonly #address: string
  readonly #group: VfioGroup
  readonly #keeper: GroupKeeper

  constructor(address: string, group: VfioGroup, { domain }: VfioContainer, keeper: GroupKeeper) {
    this.#address = address
    this.#group = group
    this.#keeper = keeper
    this.domain = domain
    domain.devices.add(address)
  }

  contain(): ContainmentOutcome {
    const result = this.domain.cutOff(this.#address)
    if (!result.ok) return refusal('unmap', result.errno)
    const alsoContained = [...this.domain.devices].filter((address) => address !== this.#address)
    return { ok: true, method: 'unmap-all', alsoContained }
  }

  readmit(): KernelOutcome {
    return this.domain.readmit(this.#address)
  }

  owns(dependent: DependentFunction): boolean {
    return 'group' in dependent && this.#keeper.hasGroup(dependent.group)
  }

  prove(dependents: readonly DependentFunction[]): OwnershipProof {
    // The kernel refuses more groups than there are functions: only those that are concerned.
    return this.#keeper.hold(new Set(dependents.flatMap((each) => ('group' in each ? each.group : []))))
  }

  release(): void {
    this.domain.release(this.#address)
    this.#keeper.leave(this.#group)
  }
}
