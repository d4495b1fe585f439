// The MSI-X table and pending bits (PCIe 6.0 6.1.4, 7.7.2) where they lie in a BAR. A VMM keeps the table that its guest
// sees, and signals and masks by itself: this one is for whoever reads the BAR without that.
import { MsixPba, MsixTable, msixOffset } from '../pci/capabilities/msix.js'
import { capabilityId } from '../pci/capability-ids.js'
import type { RegisterWidth } from './device-model.js'
import type { FunctionRegisters } from './function-registers.js'
import { loadRegister, storeRegister } from './register-bytes.js'

const entrySize = 16
/** Vector Control is the last dword of an entry; its bit 0 masks, and is 1 after a reset. */
const vectorControl = 12

interface Place {
  readonly bar: number
  readonly start: number
  readonly size: number
}

export class MsixWindow {
  readonly #table: Place
  readonly #pba: Place
  readonly #entries: Uint8Array
  readonly #pending: ReadonlySet<number>

  /** Undefined where the function has no MSI-X. `pending` are the vectors that wait to be signalled. */
  static of(registers: FunctionRegisters, pending: ReadonlySet<number>): MsixWindow | undefined {
    const at = registers.config.capabilities.get(capabilityId.msix)
    if (at === undefined) return undefined
    const table = MsixTable.decode(registers.config.read(at + msixOffset.table, 4))
    const pba = MsixPba.decode(registers.config.read(at + msixOffset.pba, 4))
    const vectors = registers.vectors('msix')
    return new MsixWindow(
      { bar: table.bar, start: table.offset * 8, size: vectors * entrySize },
      { bar: pba.bar, start: pba.offset * 8, size: Math.ceil(vectors / 64) * 8 },
      pending,
    )
  }

  private constructor(table: Place, pba: Place, pending: ReadonlySet<number>) {
    this.#table = table
    this.#pba = pba
    this.#entries = new Uint8Array(table.size)
    this.#pending = pending
    this.reset()
  }

  reset(): void {
    this.#entries.fill(0)
    for (let at = vectorControl; at < this.#entries.length; at += entrySize) this.#entries[at] = 1
  }

  /** Whether any of it lies in this part of a BAR. */
  isWithin(bar: number, offset: number, size: number): boolean {
    return [this.#table, this.#pba].some(
      (place) => place.bar === bar && place.start < offset + size && offset < place.start + place.size,
    )
  }

  /** The table as it is now. */
  save(): Uint8Array {
    return this.#entries.slice()
  }

  /** Takes a table that `save` gave. False if it is of another size. */
  restore(entries: Uint8Array): boolean {
    if (entries.length !== this.#entries.length) return false
    this.#entries.set(entries)
    return true
  }

  /** Undefined where the access is the device's. */
  read(bar: number, offset: number, width: RegisterWidth): bigint | undefined {
    if (isIn(this.#table, bar, offset)) return loadRegister(this.#entries, offset - this.#table.start, width)
    if (!isIn(this.#pba, bar, offset)) return undefined
    const bits = new Uint8Array(this.#pba.size)
    for (const vector of this.#pending) bits[vector >> 3] = (bits[vector >> 3] ?? 0) | (1 << (vector & 7))
    return loadRegister(bits, offset - this.#pba.start, width)
  }

  /** False where the access is the device's. */
  write(bar: number, offset: number, width: RegisterWidth, value: bigint): boolean {
    if (isIn(this.#pba, bar, offset)) return true
    if (!isIn(this.#table, bar, offset)) return false
    storeRegister(this.#entries, offset - this.#table.start, width, value)
    return true
  }
}

function isIn(place: Place, bar: number, offset: number): boolean {
  return bar === place.bar && offset >= place.start && offset < place.start + place.size
}
