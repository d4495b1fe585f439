// What a reset may do, and in which order. Data: the procedure reads it, known devices adjust it, callers override it.

export const resetMethods = ['vfio', 'hot', 'pm'] as const
/** `vfio`: VFIO_DEVICE_RESET. `hot`: VFIO_DEVICE_PCI_HOT_RESET. `pm`: D0 -> D3hot -> D0. */
export type ResetMethod = (typeof resetMethods)[number]

export const resetOrders = ['quiesce-first', 'reset-first'] as const
export type ResetOrder = (typeof resetOrders)[number]

export interface ResetPolicy {
  /** Tried in this order until one succeeds and verifies. Empty: quiesce only. */
  readonly methods: readonly ResetMethod[]
  /**
   * `quiesce-first` because the kernel restores Command as it was before the reset, Bus Master included.
   * `reset-first` for devices that wedge when Bus Master is cleared under their DMA.
   */
  readonly order: ResetOrder
  /** Only a `clean` verdict lets the device be used again. */
  readonly requireReset: boolean
  /** Leave a device that was quiesced but not reset in D3hot, which forbids DMA (PCI PM 1.2, 5.4.1). */
  readonly park: boolean
  /** How long one method may run before it counts as stuck, in milliseconds. */
  readonly methodTimeoutMs: number
  /** How long to wait for Transactions Pending to clear, in milliseconds. */
  readonly drainTimeoutMs: number
  /** How long a device may take to answer again after a reset, in milliseconds. */
  readonly readyTimeoutMs: number
}

export const defaultPolicy: ResetPolicy = {
  methods: resetMethods,
  order: 'quiesce-first',
  requireReset: false,
  park: false,
  // The kernel polls for readiness for up to 60 s in one reset (PCI_RESET_WAIT, drivers/pci/pci.c): a deadline
  // below that would call a slow device stuck.
  methodTimeoutMs: 75_000,
  // PCIe 5.0 6.6.2: software that cannot see completions drain waits for the completion timeout; 1 s covers the
  // ranges that devices use (the kernel's own wait before a Function Level Reset is 0 + 100 + 300 + 700 ms).
  drainTimeoutMs: 1_000,
  // PCIe 5.0 6.6.1: a device must answer configuration requests within 1 s of the end of a conventional reset.
  readyTimeoutMs: 1_000,
}
