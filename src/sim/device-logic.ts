// What makes one device different from another: its registers and what it does by itself. The hardware around it
// decides whether it can be reached and whether it may master the bus.
import type { PhysicalFunction } from '../function/physical-function.js'
import type { BarHandlers } from '../kit/device-model.js'
import type { VirtualClock } from './virtual-clock.js'

/** What the device sees of the world. */
export interface DeviceHost {
  readonly clock: VirtualClock
  /** Who owns the machine's memory now; a transfer carries the epoch in which it was programmed. */
  readonly epoch: number
  /** Whether a request would leave the device at all: in D0, with Bus Master on, not wedged. */
  readonly mayMaster: boolean
  /** Issues a posted write. False if it could not leave the device. */
  dmaWrite(iova: bigint, bytes: Uint8Array, epoch: number): boolean
  /** Reads memory; undefined if the request could not leave or was not answered. */
  dmaRead(iova: bigint, length: number, epoch: number): Uint8Array | undefined
  /** Signals an interrupt vector by whatever is enabled: MSI-X, MSI, or INTx. */
  raise(vector: number): void
  /** Takes the INTx line back. */
  lowerIntx(): void
}

export interface DeviceLogic extends BarHandlers {
  /** A transfer is going on, or will by itself. */
  readonly busy: boolean
  /** A read of memory has been requested and not been answered. */
  readonly readPending: boolean
  /** Something differs from how the device is after a reset. */
  readonly dirty: boolean
  /** Back to how it is after power-on, with everything stopped. */
  reset(): void
  /** `mayMaster` changed. */
  gateChanged(): void
}

/** A transfer that a guest asks a device for. */
export interface DmaRequest {
  readonly iova: bigint
  /** Bytes of memory that are written, over and over where the device can stream. */
  readonly length?: number
  /** Between two writes of a device that streams. */
  readonly periodUs?: number
  /** What is written: the first value of a device that streams, the byte that fills the rest. */
  readonly pattern?: number
}

/** The guest's driver: programs the device through its BARs, as any owner of the function could. */
export type DmaProgram = (fn: PhysicalFunction, request: DmaRequest) => void
