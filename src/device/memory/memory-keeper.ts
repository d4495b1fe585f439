// Keeps one address space of the IOMMU in step with the memory of a guest, for all of its devices that share the space.
//
// What goes is unmapped before anything new is mapped. If something new cannot be mapped, nothing new is; what is gone
// from the guest stays gone all the same, since it may be somebody else's by then.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { DmaMapping, DmaSpace } from '../../function/dma.js'
import { attemptAll } from '../attempt-all.js'
import type { GuestMemory, GuestMemoryRange } from '../vmm.js'
import { checkMemory } from './check-memory.js'
import { endOf, nameOf, sorted } from './memory-range.js'
import { type PeerArea, PeerAreas, type PeerHost } from './peer-areas.js'
import { PeerMappings } from './peer-mappings.js'
import { type MemoryPlan, planMemory } from './plan-memory.js'

/** Why the devices of a space do not reach what the guest's memory is. */
export interface MemoryProblem {
  readonly error: unknown
  /** Memory that is the guest's no more could not be unmapped. */
  readonly stillMapped: boolean
}

/** A device, as the keeper of its space knows it. */
export interface MemoryMember {
  readonly address: string
  readonly dma: DmaSpace
  /** Whether it reaches other devices, where they let it. */
  readonly peerToPeer: boolean
  /** Whether it is cut off from memory anyway. */
  readonly isContained: () => boolean
  readonly outOfStep: (problem: MemoryProblem) => void
}

interface Kept extends GuestMemoryRange {
  readonly mapping: DmaMapping
}

export class MemoryKeeper implements PeerHost {
  static readonly #keepers = new WeakMap<object, MemoryKeeper>()
  readonly #memory: GuestMemory
  readonly #domain: object
  readonly #members = new Set<MemoryMember>()
  readonly #peers = new PeerMappings()
  readonly #subscription: Disposable
  readonly #kept = new Set<Kept>()
  #problem: MemoryProblem | undefined

  /**
   * Lets a device reach the memory of a guest.
   * @throws QuiesceError `USAGE` if its space serves another guest; as `checkMemory` and `DmaSpace.mapBacking` do. Nothing
   * is mapped then that was not before.
   */
  static join(memory: GuestMemory, member: MemoryMember): MemoryKeeper {
    const { domain } = member.dma
    const known = MemoryKeeper.#keepers.get(domain)
    if (known !== undefined && known.#memory !== memory) {
      const [other] = known.#members
      throw new QuiesceError(
        'USAGE',
        `Cannot give ${member.address} the memory of its guest: it shares its address space with ${other?.address}, which serves another`,
        { device: member.address, hint: 'Open the devices of each guest with an owner of their own' },
      )
    }
    const keeper = known ?? new MemoryKeeper(memory, domain)
    keeper.#join(member)
    return keeper
  }

  private constructor(memory: GuestMemory, domain: object) {
    this.#memory = memory
    this.#domain = domain
    // First: where the VMM fails in it, nothing may find this one.
    this.#subscription = memory.onChange(() => this.#changed())
    MemoryKeeper.#keepers.set(domain, this)
    PeerAreas.of(memory).addHost(this)
  }

  /** What is mapped, in the order of addresses. */
  get mapped(): readonly GuestMemoryRange[] {
    return sorted([...this.#kept])
  }

  /** What is mapped of other devices. */
  get peers(): readonly PeerArea[] {
    return this.#peers.areas
  }

  get problem(): MemoryProblem | undefined {
    return this.#problem
  }

  /** Lets the other devices reach a part of one. */
  share(area: PeerArea): Disposable {
    return PeerAreas.of(this.#memory).add(area)
  }

  /**
   * Looks again, after something else may have unmapped memory, and maps what is missing; why it could not. The other
   * devices of the space are told.
   */
  repair(member: MemoryMember): MemoryProblem | undefined {
    const problem = this.#bringInStep()
    if (problem !== undefined) this.#tell(problem, member)
    return problem
  }

  /**
   * The device is off the bus and needs its memory no more. With the last of them, everything is unmapped; throws the
   * first failure, once all was tried.
   */
  leave(member: MemoryMember): void {
    if (!this.#members.delete(member)) return
    const drops = this.peers.filter((area) => !this.#isFor(area)).map((area) => () => this.#peers.drop(area))
    const unmaps = [...this.#kept].map((kept) => () => this.#unmap(kept))
    if (this.#members.size > 0) {
      attemptAll(drops)
      return
    }
    MemoryKeeper.#keepers.delete(this.#domain)
    PeerAreas.of(this.#memory).deleteHost(this)
    attemptAll([() => this.#subscription[Symbol.dispose](), ...drops, ...unmaps])
  }

  /** The function of a device that left is released; what the kernel took down with it is mapped again. */
  released(): void {
    if (this.#members.size > 0 && this.#forgetLost()) this.#changed()
  }

  take(area: PeerArea): void {
    const space = this.#space
    if (space?.backings.has('dmabuf') === true && this.#isFor(area)) this.#peers.take(area, space)
  }

  drop(area: PeerArea): void {
    this.#peers.drop(area)
  }

  #join(member: MemoryMember): void {
    const before = this.#problem
    this.#members.add(member)
    const problem = this.#bringInStep()
    if (problem === undefined) return
    // It is the new one's, unless they had it before.
    this.#problem = before
    try {
      this.leave(member)
    } catch {
      // The first failure is the one to tell.
    }
    throw problem.error
  }

  /** Any of them will do: it is one space. A contained one may be refused. */
  get #space(): DmaSpace | undefined {
    const members = [...this.#members]
    return (members.find((member) => !member.isContained()) ?? members[0])?.dma
  }

  #isFor(area: PeerArea): boolean {
    return [...this.#members].some((member) => member.peerToPeer && member !== area.owner)
  }

  #changed(): void {
    const problem = this.#bringInStep()
    if (problem !== undefined) this.#tell(problem)
  }

  #tell(problem: MemoryProblem, except?: MemoryMember): void {
    for (const member of [...this.#members]) if (member !== except) member.outOfStep(problem)
  }

  #bringInStep(): MemoryProblem | undefined {
    const space = this.#space
    if (space === undefined) return undefined
    try {
      this.#forgetLost()
      const { mappingsLeft } = space
      const capacity = mappingsLeft === undefined ? undefined : mappingsLeft + this.#kept.size
      this.#problem = this.#carryOut(
        planMemory(sorted([...this.#kept]), checkMemory(this.#memory.ranges, space), capacity),
        space,
      )
    } catch (error) {
      this.#problem = { error, stillMapped: false }
    }
    for (const area of PeerAreas.of(this.#memory).areas) this.take(area)
    return this.#problem
  }

  #carryOut(plan: MemoryPlan<Kept>, space: DmaSpace): MemoryProblem | undefined {
    let problem: MemoryProblem | undefined
    for (const { mapping, restores } of plan.removals) {
      try {
        this.#unmap(mapping)
      } catch (error) {
        problem ??= { error, stillMapped: true }
        continue
      }
      try {
        for (const range of restores) this.#map(range, space)
      } catch (error) {
        problem ??= { error, stillMapped: false }
      }
    }
    if (problem !== undefined) return problem
    // Cut off from all memory: mapped when one of them is let in again.
    if ([...this.#members].every((member) => member.isContained())) return undefined
    if (plan.excess > 0) return { error: tooMany(plan), stillMapped: false }
    return this.#addAll(plan.additions, space)
  }

  /** All of them or none. */
  #addAll(ranges: readonly GuestMemoryRange[], space: DmaSpace): MemoryProblem | undefined {
    const added: Kept[] = []
    try {
      this.#peers.dropUnder(ranges)
      for (const range of ranges) added.push(this.#map(range, space))
      return undefined
    } catch (error) {
      try {
        attemptAll(added.map((kept) => () => this.#unmap(kept)))
      } catch {
        // It is the guest's memory, and no harm where it stays.
      }
      return { error, stillMapped: false }
    }
  }

  #map(range: GuestMemoryRange, space: DmaSpace): Kept {
    const { guestAddress, size, access, backing } = range
    const kept = { guestAddress, size, access, backing, mapping: space.mapBacking(guestAddress, size, backing, access) }
    this.#kept.add(kept)
    return kept
  }

  #unmap(kept: Kept): void {
    kept.mapping[Symbol.dispose]()
    this.#kept.delete(kept)
  }

  /** Containment unmaps everything. Whether anything was lost. */
  #forgetLost(): boolean {
    const there = new Map(this.#space?.mappings.map(({ iova, size }) => [iova, size]))
    const isThere = ({ guestAddress, size }: Pick<Kept, 'guestAddress' | 'size'>): boolean =>
      there.get(guestAddress) === size
    const lost = [...this.#kept].filter((kept) => !isThere(kept))
    for (const kept of lost) this.#kept.delete(kept)
    this.#peers.forgetLost(isThere)
    return lost.length > 0
  }
}

function tooMany({ excess, additions }: MemoryPlan<Kept>): QuiesceError {
  const [first] = additions
  const last = additions.at(-1)
  const whole =
    first === undefined || last === undefined ? '' : ` ${nameOf({ ...first, size: endOf(last) - first.guestAddress })}`
  return new QuiesceError(
    'SYSTEM',
    `Cannot map guest memory${whole}: it takes ${excess} mappings more than there are left`,
    {
      hint: 'Announce it in fewer ranges, or raise dma_entry_limit of the module vfio_iommu_type1',
    },
  )
}
