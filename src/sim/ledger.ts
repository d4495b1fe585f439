import type { BlockReason, DmaEntry, LedgerEntry, LedgerKind } from './ledger-entry.js'

/** What is true of a request from the moment it was issued. */
export type DmaRequestTruth = Pick<DmaEntry, 'direction' | 'issuedAt' | 'busMaster' | 'epoch'>

type Counting = Omit<DmaEntry, 'count'> & { count: number }

/** Beyond this many entries the older half is dropped; the counts stay exact. */
const capacity = 200_000

/** Everything that truly happened to one simulated function, in order. Tests hold verdicts against it. */
export class Ledger {
  readonly #now: () => number
  #entries: LedgerEntry[] = []
  #epoch = 0
  #landed = 0
  #foreign = 0
  #lastBlock: Counting | undefined
  #lastLandedAt: number | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  get entries(): readonly LedgerEntry[] {
    return this.#entries
  }

  /** Who owns the memory now: 0 at first, one more with every hand-over. */
  get epoch(): number {
    return this.#epoch
  }

  /** How many writes of the device have landed in memory so far. */
  get landedCount(): number {
    return this.#landed
  }

  /** When the last write landed. */
  get lastLandedAt(): number | undefined {
    return this.#lastLandedAt
  }

  /** How many writes landed that were programmed by an earlier owner than the memory's: must be 0 unless `lost`. */
  get foreignCount(): number {
    return this.#foreign
  }

  /** The entries of one kind. */
  of<K extends LedgerKind>(kind: K): readonly Extract<LedgerEntry, { kind: K }>[] {
    return this.#entries.filter((entry): entry is Extract<LedgerEntry, { kind: K }> => entry.kind === kind)
  }

  /** Writes that landed in memory after a time. */
  landedAfter(us: number): readonly DmaEntry[] {
    return this.of('dma').filter((entry) => entry.direction === 'write' && entry.outcome === 'landed' && entry.at > us)
  }

  /** Requests that went nowhere, after a time. */
  blockedAfter(us: number): readonly DmaEntry[] {
    return this.of('dma').filter((entry) => entry.outcome === 'blocked' && entry.at > us)
  }

  /** Writes that landed in memory of another owner than the one who programmed them. */
  foreignLandings(): readonly DmaEntry[] {
    return this.of('dma').filter(
      (entry) => entry.direction === 'write' && entry.outcome === 'landed' && entry.epoch !== entry.landedIn,
    )
  }

  /**
   * Resets that were reported as done and cleared nothing: no owner can see through these, so a verdict that relies on
   * one is not the procedure's fault. The kernel itself is deceived: it does not look whether D3hot was entered.
   */
  deceptions(): readonly LedgerEntry[] {
    const found: LedgerEntry[] = []
    let hasCleared = false
    for (const entry of this.#entries) {
      if (entry.kind === 'reset') {
        hasCleared ||= entry.effective
        if (entry.method === 'pm' && !entry.effective) found.push(entry)
      }
      if (entry.kind !== 'kernel-call' || entry.call === 'contain' || entry.call === 'readmit') continue
      if (entry.phase === 'begin') hasCleared = false
      else if (entry.outcome === 'ok' && !hasCleared) found.push(entry)
    }
    return found
  }

  /** The previous user has gone: from here on, nothing that it programmed may land. */
  handOver(): number {
    this.#epoch++
    this.record({ kind: 'hand-over', at: this.#now(), epoch: this.#epoch })
    return this.#epoch
  }

  record(entry: LedgerEntry): void {
    this.#entries.push(entry)
    if (this.#entries.length > capacity) this.#entries = this.#entries.slice(capacity / 2)
  }

  misuse(what: string): void {
    this.record({ kind: 'misuse', at: this.#now(), what })
  }

  /** Writes down one request of the device; blocked ones in a row become one entry with a count. */
  recordDma(request: DmaRequestTruth, iova: bigint, length: number, reason: BlockReason | undefined): void {
    const at = this.#now()
    const { direction, issuedAt, busMaster, epoch } = request
    if (reason !== undefined) {
      const last = this.#entries.at(-1)
      if (this.#lastBlock !== undefined && last === this.#lastBlock && isSameBlock(this.#lastBlock, request, reason)) {
        this.#lastBlock.count++
        return
      }
    } else if (direction === 'write') {
      this.#landed++
      this.#lastLandedAt = at
      if (epoch !== this.#epoch) this.#foreign++
    }
    const outcome = reason === undefined ? 'landed' : 'blocked'
    const landedIn = this.#epoch
    const entry: Counting = {
      kind: 'dma',
      direction,
      issuedAt,
      at,
      iova,
      length,
      outcome,
      reason,
      busMaster,
      epoch,
      landedIn,
      count: 1,
    }
    if (reason !== undefined) this.#lastBlock = entry
    this.record(entry)
  }
}

function isSameBlock(last: DmaEntry, request: DmaRequestTruth, reason: BlockReason): boolean {
  return last.reason === reason && last.direction === request.direction && last.epoch === request.epoch
}
