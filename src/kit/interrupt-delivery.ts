// How a served function signals: by the highest kind that config space enables (PCIe 6.0 6.1.1). A message is a memory
// write of the device, so it needs Bus Master; INTx is a level and does not.
import { Command } from '../pci/command.js'
import { headerOffset } from '../pci/header.js'
import { Status } from '../pci/status.js'
import type { BusClient, BusInterruptKind } from './bus-function.js'
import type { FunctionRegisters } from './function-registers.js'

export interface SavedInterrupts {
  readonly isIntxHigh: boolean
  readonly pending: readonly number[]
}

export class InterruptDelivery {
  readonly #registers: FunctionRegisters
  readonly #client: () => BusClient | undefined
  /** Messages that the client could not take yet: VMMs take all vectors away for a moment to add one. */
  readonly #pending = new Set<number>()
  #isIntxHigh = false
  /** Nothing is signalled now; it is kept for later. */
  #isHeld = false

  constructor(registers: FunctionRegisters, client: () => BusClient | undefined) {
    this.#registers = registers
    this.#client = client
  }

  get pending(): ReadonlySet<number> {
    return this.#pending
  }

  /** The highest kind that is enabled. */
  get kind(): BusInterruptKind {
    if (this.#registers.isEnabled('msix')) return 'msix'
    return this.#registers.isEnabled('msi') ? 'msi' : 'intx'
  }

  raise(vector: number, mayMaster: boolean): void {
    const { kind } = this
    if (kind === 'intx') {
      if (this.#registers.config.read(headerOffset.interruptPin, 1) === 0) return
      this.#setIntx(true)
      this.#deliverIntx()
      return
    }
    if (!mayMaster || vector >= this.#registers.vectors(kind)) return
    const sent = kind === 'msi' ? vector % this.#registers.msiAllowed : vector
    if (!this.#signal(kind, sent)) this.#pending.add(sent)
  }

  lowerIntx(): void {
    this.#setIntx(false)
  }

  /** The client can take what it could not, or lets INTx through again: a level that is still high is seen again. */
  retry(): void {
    const { kind } = this
    if (kind === 'intx') {
      this.#pending.clear()
      this.#deliverIntx()
      return
    }
    for (const vector of [...this.#pending]) if (this.#signal(kind, vector)) this.#pending.delete(vector)
  }

  /** Keeps every signal until `release`. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    this.retry()
  }

  /** What waits to be signalled: whether INTx is high, then the vectors, each as two bytes. */
  save(): Uint8Array {
    const words = [this.#isIntxHigh ? 1 : 0, ...this.#pending]
    return new Uint8Array(words.flatMap((word) => [word & 0xff, word >> 8]))
  }

  /** What `save` gave, of a function with so many vectors at most; undefined if it is nothing of that kind. */
  static decode(bytes: Uint8Array, vectors: number): SavedInterrupts | undefined {
    if (bytes.length < 2 || bytes.length % 2 !== 0) return undefined
    const [line = 0, ...pending] = Array.from({ length: bytes.length / 2 }, (_, i) => {
      return (bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8)
    })
    const isPossible = line <= 1 && pending.length <= vectors && pending.every((vector) => vector < vectors)
    return isPossible ? { isIntxHigh: line === 1, pending } : undefined
  }

  /** Goes on with what was saved. Config space is restored before. */
  restore({ isIntxHigh, pending }: SavedInterrupts): void {
    this.reset()
    for (const vector of pending) this.#pending.add(vector)
    this.#setIntx(isIntxHigh)
  }

  reset(): void {
    this.#pending.clear()
    this.#isIntxHigh = false
  }

  #signal(kind: BusInterruptKind, vector: number): boolean {
    return !this.#isHeld && this.#client()?.signal(kind, vector) === true
  }

  #setIntx(high: boolean): void {
    this.#isIntxHigh = high
    const { config } = this.#registers
    config.force(headerOffset.status, 2, Status.encode({ interrupt: high }, config.read(headerOffset.status, 2)))
  }

  #deliverIntx(): void {
    if (!this.#isIntxHigh || (this.#registers.command & Command.mask('intxDisable')) !== 0) return
    this.#signal('intx', 0)
  }
}
