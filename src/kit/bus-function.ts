// What a server carries to a client: a function as the bus sees it, and the client as the function sees it. The kit's
// devices are such functions, and so is simulated hardware with its faults.
import type { AccessWidth } from '../function/config-space.js'
import type { MappableBar } from './bar-memory.js'
import type { ClientMemory } from './client-memory.js'
import type { RegisterWidth } from './device-model.js'

export type BusInterruptKind = 'intx' | 'msi' | 'msix'

/** Who drives the function. */
export interface BusClient {
  readonly memory: ClientMemory
  /** Signals a vector; false while the client has not said where it goes. */
  signal(kind: BusInterruptKind, vector: number): boolean
}

/** How the state of a function goes to another process (VFIO's migration, version 2). */
export interface FunctionMigration {
  /**
   * Once resolved, the function touches no memory and signals nothing. @throws QuiesceError `BUSY` if what is under way
   * does not end in time
   */
  stop(): Promise<void>
  run(): void
  /** All of its state, while it is stopped. */
  save(): Uint8Array
  /** Takes a state, while it is stopped. @throws QuiesceError `USAGE` if it is none; nothing has changed then */
  load(state: Uint8Array): void
}

/** A PCI function, raw: what it answers is what the client gets. */
export interface BusFunction {
  readonly configSize: 256 | 4096
  /** Bytes of each BAR, by index; 0 where it has none. */
  readonly barSizes: readonly number[]
  /** How many vectors it has of each kind. */
  readonly vectors: Readonly<Record<BusInterruptKind, number>>
  /** Naturally aligned. All ones where it does not answer. */
  readConfig(offset: number, width: AccessWidth): number
  writeConfig(offset: number, width: AccessWidth, value: number): void
  /** Naturally aligned and inside the BAR. All ones where it does not decode. */
  readBar(bar: number, offset: number, width: RegisterWidth): bigint
  writeBar(bar: number, offset: number, width: RegisterWidth, value: bigint): void
  /** Hands it to a client, as it is. */
  connect(client: BusClient): void
  /** Takes it away again: once resolved, it does not touch the client's memory any more. */
  disconnect(): Promise<void>
  /** The client changed where interrupts go, or unmasked INTx: what is pending is signalled now. */
  interruptsChanged(): void
  /** Resets it. Once resolved, nothing that was begun before reaches the client's memory. */
  reset(): Promise<void>
  /** What a client may map of a BAR, if anything: the file is another one for every client. */
  mappable?(bar: number): MappableBar | undefined
  /** Undefined where it cannot migrate. */
  readonly migration?: FunctionMigration | undefined
}
