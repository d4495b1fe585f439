// A device that is nothing but memory, and remembers what it was asked.
import type { InterruptInfo, InterruptKind } from '../../src/function/interrupts.js'
import type { KernelOutcome } from '../../src/function/kernel-outcome.js'
import type {
  ClientMapping,
  DeviceMigration,
  ServedClient,
  ServedDevice,
  ServedRegion,
} from '../../src/vfio-user/server/served-device.js'

export function memoryRegion(size: number, extra: Partial<ServedRegion> = {}): ServedRegion & { bytes: Uint8Array } {
  const bytes = new Uint8Array(size)
  return {
    bytes,
    size: BigInt(size),
    readable: true,
    writable: true,
    read: (offset, into) => into.set(bytes.subarray(Number(offset), Number(offset) + into.byteLength)),
    write: (offset, from) => bytes.set(from, Number(offset)),
    ...extra,
  }
}

const none: InterruptInfo = { count: 0, maskable: false, automasked: false, fixedSize: false }

export class RecordingDevice implements ServedDevice {
  readonly name = 'recording'
  readonly regions: (ServedRegion | undefined)[]
  readonly log: string[] = []
  readonly canReset: boolean = true
  migration: DeviceMigration | undefined
  client: ServedClient | undefined
  vectors: Partial<Record<InterruptKind, InterruptInfo>> = {
    intx: { count: 1, maskable: true, automasked: true, fixedSize: false },
    msix: { count: 20, maskable: false, automasked: false, fixedSize: false },
    err: { ...none, count: 1 },
    req: { ...none, count: 1 },
  }
  resetOutcome: KernelOutcome | Promise<KernelOutcome> = { ok: true }
  readonly mappings = new Set<ClientMapping>()

  constructor(regions: Readonly<Record<number, ServedRegion>> = {}) {
    const config = memoryRegion(256)
    config.bytes.set([0x34, 0x12, 0xe8, 0x11])
    const all: Readonly<Record<number, ServedRegion>> = { 0: memoryRegion(4096), 7: config, ...regions }
    this.regions = Array.from({ length: 9 }, (_, index) => all[index])
  }

  interruptInfo(kind: InterruptKind): InterruptInfo {
    return this.vectors[kind] ?? none
  }

  connect(client: ServedClient): void {
    this.client = client
  }

  async reset(): Promise<KernelOutcome> {
    this.log.push('reset')
    return this.resetOutcome
  }

  async quiesce(): Promise<void> {
    this.log.push(`quiesce, ${this.mappings.size} mapped`)
  }

  mapMemory(mapping: ClientMapping): void {
    this.mappings.add(mapping)
  }

  unmapMemory(mapping: ClientMapping): void {
    this.log.push(`unmap 0x${mapping.address.toString(16)}`)
    this.mappings.delete(mapping)
  }

  setInterrupts(kind: InterruptKind, eventfds: readonly (number | undefined)[]): void {
    this.log.push(`${kind}: ${eventfds.map((fd) => (fd === undefined ? '-' : 'fd')).join(' ')}`)
  }
}
