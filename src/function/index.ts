export type { Clock } from './clock.js'
export type { AccessWidth, ConfigSpace } from './config-space.js'
export type { DmaAccess, DmaBacking, DmaBackingKind, DmaMapping, DmaMemory, DmaSpace } from './dma.js'
export {
  type InterruptDestination,
  type InterruptInfo,
  type InterruptKind,
  type Interrupts,
  interruptKinds,
} from './interrupts.js'
export type { AffectedFunction, ContainmentOutcome, HotResetScope, KernelOutcome } from './kernel-outcome.js'
export type { PhysicalFunction } from './physical-function.js'
export { type Region, type RegionArea, regionIndex, type SharedArea } from './region.js'
