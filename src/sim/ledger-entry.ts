// What the simulator writes down: the truth, whatever the device or the kernel tells anybody.

/** Why a DMA request went nowhere. */
export type BlockReason =
  | 'bus-master-off'
  | 'not-in-d0'
  | 'not-ready'
  | 'wedged'
  | 'gone'
  | 'iommu-detached'
  | 'iommu-unmapped'
  | 'iommu-access'

export interface DmaEntry {
  readonly kind: 'dma'
  readonly direction: 'write' | 'read'
  /** When the device issued it; a posted write lands a little later. */
  readonly issuedAt: number
  readonly at: number
  readonly iova: bigint
  readonly length: number
  readonly outcome: 'landed' | 'blocked'
  readonly reason: BlockReason | undefined
  /** Bus Master Enable in the hardware when it was issued. */
  readonly busMaster: boolean
  /** The owner for whom the transfer was programmed. */
  readonly epoch: number
  /** The owner of the memory when it landed. */
  readonly landedIn: number
  /** How many in a row ended in the same way; more than 1 only for blocked ones. `at` is that of the first. */
  readonly count: number
}

/** A reset that reached the device, or was claimed to. */
export interface ResetEntry {
  readonly kind: 'reset'
  readonly at: number
  readonly method: ResetKind
  /** Whether the device's state was really cleared. */
  readonly effective: boolean
  readonly wasBusy: boolean
  readonly wasDirty: boolean
  readonly wasWedged: boolean
}

/** How the state of a device can be cleared. */
export type ResetKind = 'flr' | 'af_flr' | 'pm' | 'bus'

/** Who changed something: the owner through VFIO, the kernel on its own, or the device's reset. */
export type Actor = 'owner' | 'kernel' | 'reset'

export interface CommandEntry {
  readonly kind: 'command'
  readonly at: number
  readonly by: Actor
  readonly before: number
  readonly after: number
}

/** A config write by the owner, through VFIO; whether or not it had an effect. */
export interface ConfigWriteEntry {
  readonly kind: 'config-write'
  readonly at: number
  readonly offset: number
  readonly width: number
  readonly value: number
  readonly failed: boolean
}

export interface PowerEntry {
  readonly kind: 'power'
  readonly at: number
  readonly from: number
  readonly to: number
  /** What was asked for; differs from `to` where the device refused. */
  readonly asked: number
}

export interface KernelCallEntry {
  readonly kind: 'kernel-call'
  readonly at: number
  readonly call: 'reset' | 'hot-reset' | 'contain' | 'readmit'
  readonly phase: 'begin' | 'end'
  /** `ok` or the errno; only at the end. */
  readonly outcome: string | undefined
}

export interface IommuEntry {
  readonly kind: 'iommu'
  readonly at: number
  readonly what: 'map' | 'unmap' | 'detach' | 'attach'
  readonly iova: bigint
  readonly size: bigint
}

export interface InterruptEntry {
  readonly kind: 'interrupt'
  readonly at: number
  readonly via: 'intx' | 'msi' | 'msix'
  readonly vector: number
  readonly delivered: boolean
}

export interface StateEntry {
  readonly kind: 'state'
  readonly at: number
  readonly what: 'wedged' | 'gone' | 'back'
}

export interface FaultEntry {
  readonly kind: 'fault'
  readonly at: number
  readonly name: string
  readonly value: boolean | number | string
}

/** Something that no correct caller does, such as a config access while a reset runs, which blocks on a real kernel. */
export interface MisuseEntry {
  readonly kind: 'misuse'
  readonly at: number
  readonly what: string
}

export interface HandOverEntry {
  readonly kind: 'hand-over'
  readonly at: number
  readonly epoch: number
}

export type LedgerEntry =
  | DmaEntry
  | ResetEntry
  | CommandEntry
  | ConfigWriteEntry
  | PowerEntry
  | KernelCallEntry
  | IommuEntry
  | InterruptEntry
  | StateEntry
  | FaultEntry
  | MisuseEntry
  | HandOverEntry

export type LedgerKind = LedgerEntry['kind']
