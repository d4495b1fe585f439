/** How a request to reset or to isolate a device ended. A refusal is an expected outcome, hence a value. */
export type KernelOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false
      /** Symbolic errno, e.g. `ENOTTY`. */
      readonly errno: string
      readonly message: string
    }

/** A function that a bus reset would take along. */
export interface AffectedFunction {
  readonly address: string
  /** Whether the caller owns it: only then may it be reset. */
  readonly owned: boolean
  /** The host driver that holds it, where known. */
  readonly driver: string | undefined
}

/** What `VFIO_DEVICE_PCI_HOT_RESET` would reset, itself included. */
export type HotResetScope =
  | { readonly ok: true; readonly affected: readonly AffectedFunction[] }
  | { readonly ok: false; readonly errno: string; readonly message: string }

/** How the device was cut off from memory. */
export type ContainmentOutcome =
  | {
      readonly ok: true
      readonly method: 'unmap-all' | 'detach'
      /** Other devices that lost their mappings with it. */
      readonly alsoContained: readonly string[]
    }
  | { readonly ok: false; readonly errno: string; readonly message: string }
