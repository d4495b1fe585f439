import type { DeviceSession } from './device-session.js'

/** The widths of a BAR access, in bytes. */
export type RegisterWidth = 1 | 2 | 4 | 8

/** The registers of a device, as accesses to its BARs meet them: naturally aligned and inside the BAR. */
export interface BarHandlers {
  /** What a read returns; bits beyond the width are cut off. */
  read(bar: number, offset: number, width: RegisterWidth): bigint
  write(bar: number, offset: number, width: RegisterWidth, value: bigint): void
  /** How its state goes to another process. A device whose model has none of this does not migrate. */
  readonly migration?: ModelMigration | undefined
}

/**
 * A model's part of a migration. Config space, interrupts and memory that clients map are the kit's; here is all that is
 * the model's own.
 */
export interface ModelMigration {
  /** Begins nothing more. Resolves once nothing is under way: what is half done cannot be saved. */
  pause(): Promise<void>
  /** Goes on, and looks for whatever came meanwhile. */
  resume(): void
  /** All of its state, while it is paused. Give it a version of its own. */
  save(): Uint8Array
  /**
   * Takes a state that `save` made, before anything else has happened to this model, and paused.
   * @throws QuiesceError if it is none of its states: whoever sends one may be hostile
   */
  restore(state: Uint8Array): void
}

/**
 * Makes the device as it is after a reset. Called anew at every reset, with a session of its own: what the last one
 * left running has lost its hands, and nothing of its state can be forgotten in the new one.
 */
export type ModelFactory = (session: DeviceSession) => BarHandlers
