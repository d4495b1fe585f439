import type { DeviceSession } from './device-session.js'

/** The widths of a BAR access, in bytes. */
export type RegisterWidth = 1 | 2 | 4 | 8

/** The registers of a device, as accesses to its BARs meet them: naturally aligned and inside the BAR. */
export interface BarHandlers {
  /** What a read returns; bits beyond the width are cut off. */
  read(bar: number, offset: number, width: RegisterWidth): bigint
  write(bar: number, offset: number, width: RegisterWidth, value: bigint): void
}

/**
 * Makes the device as it is after a reset. Called anew at every reset, with a session of its own: what the last one
 * left running has lost its hands, and nothing of its state can be forgotten in the new one.
 */
export type ModelFactory = (session: DeviceSession) => BarHandlers
