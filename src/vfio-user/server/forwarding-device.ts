import type { InterruptInfo, InterruptKind } from '../../function/interrupts.js'
import type { KernelOutcome } from '../../function/kernel-outcome.js'
import type { ClientMapping, DeviceMigration, ServedClient, ServedDevice, ServedRegion } from './served-device.js'

/** A device that does what another does; what is derived from it changes the rest. */
export class ForwardingDevice implements ServedDevice {
  protected inner: ServedDevice

  constructor(inner: ServedDevice) {
    this.inner = inner
  }

  get name(): string {
    return this.inner.name
  }

  get regions(): readonly (ServedRegion | undefined)[] {
    return this.inner.regions
  }

  get canReset(): boolean {
    return this.inner.canReset
  }

  get migration(): DeviceMigration | undefined {
    return this.inner.migration
  }

  get unmaskInterruptBy(): ServedDevice['unmaskInterruptBy'] {
    return this.inner.unmaskInterruptBy
  }

  get mustBeReclaimed(): boolean {
    return this.inner.mustBeReclaimed ?? false
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

  async reclaim(): Promise<void> {
    await this.inner.reclaim?.()
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
