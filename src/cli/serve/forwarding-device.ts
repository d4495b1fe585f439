import type { InterruptInfo, InterruptKind } from '../../function/interrupts.js'
import type { KernelOutcome } from '../../function/kernel-outcome.js'
import type {
  ClientMapping,
  DeviceMigration,
  ServedClient,
  ServedDevice,
  ServedRegion,
} from '../../vfio-user/server/served-device.js'

/** A device that does what another does; what is derived from it changes the rest. */
export class ForwardingDevice implements ServedDevice {
  readonly name: string
  readonly regions: readonly (ServedRegion | undefined)[]
  readonly canReset: boolean
  readonly migration: DeviceMigration | undefined
  readonly unmaskInterruptBy: ServedDevice['unmaskInterruptBy']
  protected readonly inner: ServedDevice

  constructor(inner: ServedDevice) {
    this.inner = inner
    this.name = inner.name
    this.regions = inner.regions
    this.canReset = inner.canReset
    this.migration = inner.migration
    this.unmaskInterruptBy = inner.unmaskInterruptBy
  }

  interruptInfo(kind: InterruptKind): InterruptInfo {
    return this.inner.interruptInfo(kind)
  }

  connect(client: ServedClient): void {
    this.inner.connect?.(client)
  }

  reset(): Promise<KernelOutcome> {
    return this.inner.reset()
  }

  quiesce(): Promise<void> {
    return this.inner.quiesce()
  }

  mapMemory(mapping: ClientMapping): void | Promise<void> {
    return this.inner.mapMemory?.(mapping)
  }

  unmapMemory(mapping: ClientMapping): void | Promise<void> {
    return this.inner.unmapMemory?.(mapping)
  }

  setInterrupts(kind: InterruptKind, eventfds: readonly (number | undefined)[]): void {
    this.inner.setInterrupts?.(kind, eventfds)
  }

  maskInterrupt(kind: InterruptKind, vector: number, masked: boolean): void {
    this.inner.maskInterrupt?.(kind, vector, masked)
  }
}
