// How a device signals: the highest kind that is enabled (PCI 3.0, 6.8: a function that uses MSI or MSI-X does not
// use INTx). A message is a memory write of the device, so it needs Bus Master; INTx does not.

import type { FunctionRegisters } from '../kit/function-registers.js'
import { Command } from '../pci/command.js'
import { headerOffset } from '../pci/header.js'
import type { BusMaster, Gate } from './bus-master.js'
import type { Ledger } from './ledger.js'
import type { VirtualClock } from './virtual-clock.js'

export type SignalKind = 'intx' | 'msi' | 'msix'
/** Where a signal that left the device arrives; false if nobody takes it. */
export type SignalSink = (kind: SignalKind, vector: number) => boolean

export class InterruptLines {
  sink: SignalSink = () => false
  #isIntxHigh = false
  readonly #registers: FunctionRegisters
  readonly #ledger: Ledger
  readonly #clock: VirtualClock
  readonly #gate: Gate
  readonly #master: BusMaster

  constructor(registers: FunctionRegisters, clock: VirtualClock, ledger: Ledger, gate: Gate, master: BusMaster) {
    this.#master = master
    this.#registers = registers
    this.#clock = clock
    this.#ledger = ledger
    this.#gate = gate
  }

  get isIntxHigh(): boolean {
    return this.#isIntxHigh
  }

  isEnabled(kind: 'msi' | 'msix'): boolean {
    return this.#registers.isEnabled(kind)
  }

  raise(vector: number): void {
    if (this.isEnabled('msix')) this.#message('msix', vector)
    else if (this.isEnabled('msi')) this.#message('msi', 0)
    else if (this.#registers.config.read(headerOffset.interruptPin, 1) !== 0) {
      this.#isIntxHigh = true
      this.deliverIntx()
    }
  }

  lowerIntx(): void {
    this.#isIntxHigh = false
  }

  /** INTx is a level: whoever lets it through again sees it again while it is high. */
  deliverIntx(): void {
    if (!this.#isIntxHigh || this.isEnabled('msix') || this.isEnabled('msi')) return
    const disabled = Command.decode(this.#registers.command).intxDisable
    const cannot = this.#gate.blocked !== undefined && this.#gate.blocked !== 'bus-master-off'
    this.#signal('intx', 0, !disabled && !cannot)
  }

  #message(kind: 'msi' | 'msix', vector: number): void {
    const canLeave = this.#gate.blocked === undefined
    this.#master.message(() => this.#signal(kind, vector, canLeave))
  }

  #signal(via: SignalKind, vector: number, canLeave: boolean): void {
    const entry = { kind: 'interrupt', at: this.#clock.now(), via, vector } as const
    this.#ledger.record({ ...entry, delivered: canLeave && this.sink(via, vector) })
  }
}
