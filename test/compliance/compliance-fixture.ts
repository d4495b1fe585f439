import type { PhysicalFunction } from '../../src/function/physical-function.js'

/** A register that keeps what is written to it. */
export interface ScratchRegister {
  readonly region: number
  readonly offset: bigint
  /** What it reads after `written` was written; the same, if not given. */
  readonly reads?: (written: number) => number
  /** What it reads after a reset. */
  readonly afterReset: number
}

/** What one device offers, as far as the suite can make use of it. */
export interface ComplianceDevice {
  readonly vendorId: number
  readonly deviceId: number
  /** The dword at 0x08: class code and revision. */
  readonly classRevision: number
  readonly configSize: 256 | 4096
  /** BARs that there are, by region index. */
  readonly bars: readonly { readonly index: number; readonly size: bigint }[]
  readonly vectors: { readonly intx: number; readonly msi: number; readonly msix: number }
  readonly canReset: boolean
  /** Whether a reset clears the scratch register. */
  readonly resetClears: boolean
  /** What is on its bus: nothing that could be reset, itself only, or a function that is not owned. */
  readonly bus: 'root' | 'alone' | 'with-foreign-sibling'
  readonly scratch?: ScratchRegister
  /** Makes the device signal its vector 0, and takes a level interrupt back. */
  readonly interrupt?: {
    raise(fn: PhysicalFunction): void
    acknowledge(fn: PhysicalFunction): void
  }
  /** Has the device write memory at `iova`, a moment after the call; Bus Master and Memory Space are on. */
  readonly transfer?: {
    start(fn: PhysicalFunction, iova: bigint): void
    /** After this it has landed, if it ever does. */
    readonly landsWithinMs: number
  }
}

export interface ComplianceFixture {
  readonly device: ComplianceDevice
  /** Opens the function afresh, for one test; the suite disposes it. */
  open(): PhysicalFunction | Promise<PhysicalFunction>
}
