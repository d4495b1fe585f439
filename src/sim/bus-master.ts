// The way from a device to memory: the gate (is it there, in D0, with Bus Master on), then posted writes that are
// under way for a moment, then the IOMMU. A read of the device's registers is answered only after the writes that it
// posted before (PCIe 5.0 2.4.1): that is why reading Command back after clearing Bus Master also flushes them.
import { IommuAttachment, type IommuTransfer } from './iommu.js'
import type { Ledger } from './ledger.js'
import type { BlockReason } from './ledger-entry.js'
import type { ScheduledEvent, VirtualClock } from './virtual-clock.js'

/** How long a posted write is under way. */
const postedUs = 3

interface PostedWrite {
  readonly event: ScheduledEvent
  land(): void
}

export interface Gate {
  /** Why a request cannot leave the device now, if it cannot. */
  readonly blocked: BlockReason | undefined
  readonly busMaster: boolean
}

/** What a request that left the device goes through. */
export interface MemoryPath {
  write(iova: bigint, from: Uint8Array): IommuTransfer
  read(iova: bigint, into: Uint8Array): IommuTransfer
}

export class BusMaster {
  readonly attachment = new IommuAttachment()
  /** The simulated IOMMU, unless the memory is somebody else's. */
  path: MemoryPath = this.attachment
  readonly #clock: VirtualClock
  readonly #ledger: Ledger
  readonly #gate: Gate
  readonly #posted: PostedWrite[] = []

  constructor(clock: VirtualClock, ledger: Ledger, gate: Gate) {
    this.#clock = clock
    this.#ledger = ledger
    this.#gate = gate
  }

  write(iova: bigint, bytes: Uint8Array, epoch: number): boolean {
    const request = { direction: 'write', issuedAt: this.#clock.now(), busMaster: this.#gate.busMaster, epoch } as const
    const blocked = this.#gate.blocked
    if (blocked !== undefined) {
      this.#ledger.recordDma(request, iova, bytes.length, blocked)
      return false
    }
    const payload = bytes.slice()
    this.#post(() => {
      const { moved, fault } = this.path.write(iova, payload)
      if (moved > 0) this.#ledger.recordDma(request, iova, moved, undefined)
      if (fault !== undefined) {
        this.#ledger.recordDma(request, iova + BigInt(moved), payload.length - moved, fault)
      }
    })
    return true
  }

  /** An interrupt by message is a posted write like the others, and does not overtake them (PCIe 6.0 2.4.1). */
  message(arrive: () => void): void {
    if (this.#posted.length === 0) arrive()
    else this.#post(arrive)
  }

  read(iova: bigint, length: number, epoch: number): Uint8Array | undefined {
    const request = { direction: 'read', issuedAt: this.#clock.now(), busMaster: this.#gate.busMaster, epoch } as const
    const into = new Uint8Array(length)
    const reason = this.#gate.blocked ?? this.path.read(iova, into).fault
    this.#ledger.recordDma(request, iova, length, reason)
    return reason === undefined ? into : undefined
  }

  #post(arrive: () => void): void {
    const land = (): void => {
      // What was posted lands in the order in which it was.
      this.#posted.shift()
      arrive()
    }
    this.#posted.push({ event: this.#clock.schedule(postedUs, land), land })
  }

  /** Lands every write that is under way. */
  flush(): void {
    for (let first = this.#posted[0]; first !== undefined; first = this.#posted[0]) {
      first.event.cancel()
      first.land()
    }
  }
}
