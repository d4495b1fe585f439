// How an open device is tied to the IOMMU, and how its owner shows what else is his: what differs between the kernel's two
// ways to hand a device out, by group and by character device.
import type { ContainmentOutcome, KernelOutcome } from '../function/kernel-outcome.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import type { DmaDomain } from './dma-domain.js'
import type { DependentFunction } from './hot-reset.js'

/** What proves to VFIO_DEVICE_PCI_HOT_RESET that everything it resets is ours; held until disposed. */
export interface OwnershipProof extends Disposable {
  readonly groupFds: readonly number[]
}

export interface Attachment {
  readonly backend: Extract<PhysicalFunction['backend'], 'vfio-group' | 'vfio-cdev'>
  readonly domain: DmaDomain
  contain(): ContainmentOutcome
  readmit(): KernelOutcome
  /** Whether a function that a hot reset would take along is ours. */
  owns(dependent: DependentFunction): boolean
  prove(dependents: readonly DependentFunction[]): OwnershipProof
  /** The device's file is closed: let go of what it was tied to. */
  release(): void
}
