// What can go wrong with a simulated function, as data. Each can be switched at any moment, also from a scheduled event.

export interface FaultValues {
  /** Config reads fail with EIO; writes too, since VFIO reads before it writes. */
  readonly 'config-read-error': boolean
  /** The device answers no config read: all ones, as far as VFIO does not show its own copy. It may still do DMA. */
  readonly 'config-read-all-ones': boolean
  /** Config writes vanish on the way, the kernel's too. */
  readonly 'config-write-dropped': boolean
  /** Config writes fail with EIO. */
  readonly 'config-write-error': boolean
  /** Bus Master Enable, once set, cannot be cleared, not even by a reset. */
  readonly 'bus-master-stuck': boolean
  /** Memory Space Enable, once set, cannot be cleared. */
  readonly 'memory-space-stuck': boolean
  /** I/O Space Enable, once set, cannot be cleared. */
  readonly 'io-space-stuck': boolean
  /** Transactions Pending reads 1 for ever. */
  readonly 'transactions-pending': boolean
  /** Every method of the kernel declines (ENOTTY), as with `reset_method` emptied while the device is open. */
  readonly 'reset-unsupported': boolean
  /** Every method of `VFIO_DEVICE_RESET` ends with this errno and resets nothing. */
  readonly 'reset-fails': string | false
  /** `VFIO_DEVICE_RESET` hangs until the fault is cleared. */
  readonly 'reset-never-returns': boolean
  /** The device is gone after a reset of any kind; only a bus reset without this fault brings it back. */
  readonly 'reset-falls-off': boolean
  /** Milliseconds after a reset during which the device does not answer. */
  readonly 'reset-slow-ms': number
  /** A reset changes nothing in the device, while whoever asked for it is told that it worked. */
  readonly 'reset-no-effect': boolean
  /** How many more resets, hot or not, end with EAGAIN because somebody else holds the lock. */
  readonly 'reset-lock-contention': number
  /** `VFIO_DEVICE_PCI_HOT_RESET` ends with this errno and resets nothing. */
  readonly 'hot-reset-fails': string | false
  /** `VFIO_DEVICE_PCI_HOT_RESET` hangs until the fault is cleared. */
  readonly 'hot-reset-never-returns': boolean
  /** A write of D3hot leaves the device in D0. */
  readonly 'd3-refused': boolean
  /** A write of D0 leaves the device in D3hot. */
  readonly 'd3-exit-fails': boolean
  /** The device wedges when Bus Master is cleared while it does DMA; only a reset cures that. */
  readonly 'wedges-on-bus-master-clear': boolean
  /** MSI and MSI-X Enable, once set, cannot be cleared, except by a reset. */
  readonly 'interrupts-stuck': boolean
  /** Detaching the device from its IOAS ends with this errno. */
  readonly 'detach-fails': string | false
  /** Unmapping fails with this errno: containment by unmapping everything, and the disposal of a mapping. */
  readonly 'unmap-fails': string | false
}

export type FaultName = keyof FaultValues

export const noFaults: FaultValues = {
  'config-read-error': false,
  'config-read-all-ones': false,
  'config-write-dropped': false,
  'config-write-error': false,
  'bus-master-stuck': false,
  'memory-space-stuck': false,
  'io-space-stuck': false,
  'transactions-pending': false,
  'reset-unsupported': false,
  'reset-fails': false,
  'reset-never-returns': false,
  'reset-falls-off': false,
  'reset-slow-ms': 0,
  'reset-no-effect': false,
  'reset-lock-contention': 0,
  'hot-reset-fails': false,
  'hot-reset-never-returns': false,
  'd3-refused': false,
  'd3-exit-fails': false,
  'wedges-on-bus-master-clear': false,
  'interrupts-stuck': false,
  'detach-fails': false,
  'unmap-fails': false,
}

export const faultNames: readonly FaultName[] = Object.keys(noFaults) as FaultName[]

export type FaultListener = (name: FaultName) => void

/** The faults of one simulated function. */
export class Faults {
  #values: FaultValues
  readonly #listeners = new Set<FaultListener>()

  constructor(values: Partial<FaultValues> = {}) {
    this.#values = { ...noFaults, ...values }
  }

  get<K extends FaultName>(name: K): FaultValues[K] {
    return this.#values[name]
  }

  set<K extends FaultName>(name: K, value: FaultValues[K]): void {
    if (this.#values[name] === value) return
    this.#values = { ...this.#values, [name]: value }
    for (const listener of [...this.#listeners]) listener(name)
  }

  setAll(values: Partial<FaultValues>): void {
    for (const name of faultNames) {
      const value = values[name]
      if (value !== undefined) this.set(name, value)
    }
  }

  clear(name: FaultName): void {
    this.set(name, noFaults[name])
  }

  clearAll(): void {
    for (const name of faultNames) this.clear(name)
  }

  /** Names of the faults that are on. */
  active(): readonly FaultName[] {
    return faultNames.filter((name) => this.#values[name] !== noFaults[name])
  }

  /** Calls `listener` at every change; returns how to stop that. */
  onChange(listener: FaultListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves once a fault is off. */
  cleared(name: FaultName): Promise<void> {
    return new Promise((resolve) => {
      if (this.#values[name] === noFaults[name]) {
        resolve()
        return
      }
      const stop = this.onChange(() => {
        if (this.#values[name] !== noFaults[name]) return
        stop()
        resolve()
      })
    })
  }
}
