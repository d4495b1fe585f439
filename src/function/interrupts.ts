/** In the order of VFIO's interrupt indexes (`VFIO_PCI_*_IRQ_INDEX`). */
export const interruptKinds = ['intx', 'msi', 'msix', 'err', 'req'] as const
export type InterruptKind = (typeof interruptKinds)[number]

export interface InterruptInfo {
  /** How many vectors there are; 0 where the function has none of this kind. */
  readonly count: number
  readonly maskable: boolean
  /** The kernel masks it at delivery and the owner must unmask it: INTx. */
  readonly automasked: boolean
  /** All vectors must be enabled at once. */
  readonly fixedSize: boolean
}

/** Where a vector goes: an eventfd that the kernel signals, or a callback in this process. */
export type InterruptDestination = { readonly eventfd: number } | { readonly signal: () => void }

export interface Interrupts {
  info(kind: InterruptKind): InterruptInfo
  /** Enables vectors 0..n-1, one per destination; `undefined` leaves a vector without one. */
  enable(kind: InterruptKind, destinations: readonly (InterruptDestination | undefined)[]): void
  /**
   * Gives one enabled vector another destination, or none, and leaves the others alone.
   * @throws QuiesceError `USAGE` if the kind is not enabled with that many vectors
   */
  retarget(kind: InterruptKind, vector: number, destination: InterruptDestination | undefined): void
  /** Disables every vector of a kind. Does nothing where none is enabled. */
  disable(kind: InterruptKind): void
  /** Unmasks INTx after it was delivered. */
  unmask(kind: InterruptKind): void
  /** Whether `unmaskBy` works: the kernel's VFIO has eventfds, a simulator has none. */
  readonly canUnmaskByEventfd: boolean
  /**
   * Has INTx unmasked whenever `eventfd` is signalled, by the kernel and without this process: KVM signals it at the
   * guest's end of interrupt (resample). `undefined` ends that. It ends with `disable` too.
   * @throws QuiesceError `UNSUPPORTED` where it does not work, `USAGE` if INTx is not enabled
   */
  unmaskBy(kind: InterruptKind, eventfd: number | undefined): void
}
