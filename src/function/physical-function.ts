// The port: what any assigned PCI function must offer, and nothing else. The kernel's VFIO, the simulator and, over
// a socket, somebody else's device all make one; the reset procedure and the assigned device work on nothing but this.
import type { Clock } from './clock.js'
import type { ConfigSpace } from './config-space.js'
import type { DmaSpace } from './dma.js'
import type { Interrupts } from './interrupts.js'
import type { ContainmentOutcome, HotResetScope, KernelOutcome } from './kernel-outcome.js'
import type { Region } from './region.js'

/** A PCI function that this process owns. Disposing it releases the device, then its mappings, then the rest. */
export interface PhysicalFunction extends Disposable {
  /** Full form: `0000:03:00.0`, or `sim:edu`. */
  readonly address: string
  /** Which maker it comes from. */
  readonly backend: 'vfio-group' | 'vfio-cdev' | 'vfio-user' | 'sim'
  /** On a virtual function Memory Space Enable is virtual; Bus Master Enable is real (PCIe SR-IOV 9.3.4.1.3). */
  readonly isVirtualFunction: boolean
  readonly clock: Clock
  readonly config: ConfigSpace
  /** By VFIO's region index; BARs 0-5, ROM 6, VGA 8. Config space (7) is `config`. */
  readonly regions: readonly (Region | undefined)[]
  readonly interrupts: Interrupts
  readonly dma: DmaSpace
  /** `VFIO_DEVICE_FLAGS_RESET`: a reset worked when the device was opened. Not a promise. */
  readonly canReset: boolean
  /** `VFIO_DEVICE_RESET`. May take more than a minute; the event loop stays free. Config access blocks meanwhile. */
  reset(): Promise<KernelOutcome>
  /** What a hot reset would take along. */
  hotResetScope(): HotResetScope
  /** `VFIO_DEVICE_PCI_HOT_RESET` with every group that this process owns. As slow as `reset`. */
  hotReset(): Promise<KernelOutcome>
  /** Cuts the device off from all memory through the IOMMU. Works when its config space is dead. Idempotent. */
  contain(): ContainmentOutcome
  /**
   * Ends a containment: the device reaches memory again. Where it was detached, what is mapped is as it was; where
   * everything was unmapped, nothing is. Only for a device that is known to be quiet. Does nothing where it is not
   * contained. EBUSY while another contained device shares its space: it reaches memory once that one is readmitted.
   */
  readmit(): KernelOutcome
}
