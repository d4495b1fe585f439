// Devices that reach each other's memory, because the IOMMU cannot tell them apart, or that a reset of their bus takes along:
// they are served in one thread, to one VMM, and their resets take turns.
import type { PhysicalFunction } from '../../function/physical-function.js'
import type { PeerCredentials } from '../../linux/unix-socket.js'
import type { ResetReport } from '../../reset/report.js'
import { BusGuard } from './bus-guard.js'
import type { ClientGate } from './client-gate.js'
import { processStart } from './process-start.js'
import { SharedMemoryDomain } from './shared-memory-domain.js'

export interface GroupMember {
  readonly fn: PhysicalFunction
  /** No guest would notice a reset of it: it has no client, or that is gone, or it was asked to reset and is not on the bus since. */
  readonly isIdle: boolean
  /** Neither shown to be quiet nor cut off: whatever is mapped in the address space, it may reach. */
  readonly isLost: boolean
  /** The reset of another is about to take it along. */
  takeAlong(): void
  /** And has done so. */
  wasTakenAlong(by: ResetReport): Promise<void>
  /** Another was contained, and all memory is out of reach with it. */
  cutOff(by: string): void
}

interface Client {
  readonly device: string
  readonly peer: PeerCredentials
  readonly startedAt: string | undefined
}

export class DeviceGroup {
  readonly memory = new SharedMemoryDomain()
  readonly #members = new Set<GroupMember>()
  readonly #clients = new Map<ClientGate, Client>()
  readonly #held = new Set<ClientGate>()
  readonly #waiting: (() => void)[] = []
  #queue: Promise<unknown> = Promise.resolve()
  #resets = 0
  readonly #startOf: (pid: number) => string | undefined

  /** `startOf` says when a process began. */
  constructor({ startOf = processStart }: { readonly startOf?: (pid: number) => string | undefined } = {}) {
    this.#startOf = startOf
  }

  join(member: GroupMember): void {
    this.#members.add(member)
  }

  /** Its device is closed, and has no memory any more. */
  leave(member: GroupMember): void {
    this.#members.delete(member)
    if (this.#members.size === 0) this.memory.forgetAll()
    else this.memory.forget(member.fn.dma)
  }

  /** Whether a device other than this one has a client. */
  isUsedBeside(device: string): boolean {
    return [...this.#clients.values()].some((client) => client.device !== device)
  }

  /** The members but one. */
  others(member: GroupMember): readonly GroupMember[] {
    return [...this.#members].filter((each) => each !== member)
  }

  /** A member's function for the reset procedure: its bus is not reset while somebody uses another device of it. */
  guarded(member: GroupMember): PhysicalFunction {
    const others = this.others(member)
    if (others.length === 0) return member.fn
    return new BusGuard(member.fn, (address) => others.some(({ fn, isIdle }) => fn.address === address && !isIdle))
  }

  /** Resets of members, one after the other: at once, where none is under way. */
  takeTurn<T>(work: () => Promise<T>): Promise<T> {
    const isFree = this.#resets++ === 0
    const turn = isFree ? work() : this.#queue.then(work)
    const end = (): void => {
      this.#resets--
      this.#wake()
    }
    this.#queue = turn.then(end, end)
    return turn
  }

  /** For the server of the device. */
  gate(device: string): ClientGate {
    const group = this
    const gate: ClientGate = {
      get busy() {
        return group.#isBusy ? group.#settled() : undefined
      },
      enter: (peer) => {
        const client = { device, peer, startedAt: this.#startOf(peer.pid) }
        const refusal = this.#whyNot(client)
        if (refusal === undefined) this.#clients.set(gate, client)
        return refusal
      },
      hold: () => void this.#held.add(gate),
      settled: () => {
        this.#held.delete(gate)
        this.#wake()
      },
      left: () => {
        this.#clients.delete(gate)
        gate.settled()
      },
    }
    return gate
  }

  get #isBusy(): boolean {
    return this.#resets > 0 || this.#held.size > 0
  }

  #whyNot({ device, peer, startedAt }: Client): string | undefined {
    const [other] = this.#clients.values()
    if (other === undefined) return undefined
    const shares = `${device} shares its IOMMU group with ${other.device}`
    // 0: a process of another PID namespace, which cannot be told from others there.
    if (peer.pid === 0) return `${shares}, and no process of another PID namespace can be shown to be the same VMM`
    // The number of a process that has ended, and left its connection to another, may come again.
    const isSame = peer.pid === other.peer.pid && peer.uid === other.peer.uid && startedAt === other.startedAt
    if (isSame) return undefined
    return `${shares}, which process ${other.peer.pid} uses, and only one VMM may have both`
  }

  async #settled(): Promise<void> {
    while (this.#isBusy) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    if (!this.#isBusy) for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
