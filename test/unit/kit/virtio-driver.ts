// A virtio driver as small as one can be: it negotiates, sets one split queue up, and makes buffers available.
import assert from 'node:assert/strict'
import type { BusFunction } from '../../../src/kit/bus-function.js'
import { CommonConfig, type CommonField, deviceStatus, virtioBar } from '../../../src/kit/virtio/common-config.js'
import { Descriptor, descriptorFlag } from '../../../src/kit/virtio/descriptor-chain.js'

export interface Buffer {
  readonly address: bigint
  readonly length: number
  readonly isWritable?: boolean
}

/** Where the driver keeps its queue: descriptors, then both rings, from the start of the memory on. */
export const layout = { descriptors: 0, driver: 0x1000, device: 0x2000, buffers: 0x3000, tables: 0x4000 } as const

export const feature = { indirect: 1n << 28n, eventIndex: 1n << 29n, version1: 1n << 32n } as const

type DescriptorValues = Parameters<typeof Descriptor.encode>[0]

export class VirtioDriver {
  readonly #fn: BusFunction
  readonly #memory: DataView
  readonly #size: number
  #available = 0
  #nextDescriptor = 0

  constructor(fn: BusFunction, memory: Uint8Array, size = 8) {
    this.#fn = fn
    this.#memory = new DataView(memory.buffer, memory.byteOffset)
    this.#size = size
  }

  get(field: CommonField): number {
    return Number(this.#fn.readBar(virtioBar.index, CommonConfig.offsets[field], widthOf(field)))
  }

  set(field: CommonField, value: number): void {
    this.#fn.writeBar(virtioBar.index, CommonConfig.offsets[field], widthOf(field), BigInt(value))
  }

  addStatus(bit: number): void {
    this.set('device_status', this.get('device_status') | bit)
  }

  /** Everything up to DRIVER_OK (3.1.1). */
  start(features: bigint = feature.version1): void {
    this.addStatus(deviceStatus.acknowledge)
    this.addStatus(deviceStatus.driver)
    for (const select of [0, 1]) {
      this.set('guest_feature_select', select)
      this.set('guest_feature', Number((features >> BigInt(32 * select)) & 0xffff_ffffn))
    }
    this.addStatus(deviceStatus.featuresOk)
    if ((this.get('device_status') & deviceStatus.featuresOk) === 0) return
    this.set('msix_config', 0)
    this.set('queue_select', 0)
    this.set('queue_size', this.#size)
    this.set('queue_msix_vector', 1)
    this.set('queue_desc_lo', layout.descriptors)
    this.set('queue_avail_lo', layout.driver)
    this.set('queue_used_lo', layout.device)
    this.set('queue_enable', 1)
    this.addStatus(deviceStatus.driverOk)
  }

  /** Writes a chain of descriptors; returns the first. */
  chain(buffers: readonly Buffer[]): number {
    const head = this.#nextDescriptor
    this.#link(buffers, head, (index, values) => this.describe(index, values))
    this.#nextDescriptor += buffers.length
    return head
  }

  /** Writes a chain into a table of its own, at `layout.tables`; returns the one descriptor of the queue that it takes. */
  table(buffers: readonly Buffer[], at: number = layout.tables): number {
    this.#link(buffers, 0, (index, values) => this.describe(index, values, at))
    const head = this.#nextDescriptor++
    const len = buffers.length * Descriptor.size
    this.describe(head, { addr: BigInt(at), len, flags: descriptorFlag.indirect, next: 0 })
    return head
  }

  describe(index: number, values: DescriptorValues, table: number = layout.descriptors): void {
    const bytes = new Uint8Array(this.#memory.buffer)
    Descriptor.encode(values, bytes, this.#memory.byteOffset + table + index * Descriptor.size)
  }

  #link(buffers: readonly Buffer[], head: number, describe: (index: number, values: DescriptorValues) => void): void {
    buffers.forEach(({ address, length, isWritable = false }, i) => {
      const isLast = i === buffers.length - 1
      const flags = (isLast ? 0 : descriptorFlag.next) | (isWritable ? descriptorFlag.write : 0)
      describe(head + i, { addr: address, len: length, flags, next: head + i + 1 })
    })
  }

  /** Makes a chain available, without telling. */
  offer(head: number): void {
    this.#memory.setUint16(layout.driver + 4 + 2 * (this.#available % this.#size), head, true)
    this.#available++
    this.setAvailable(this.#available)
  }

  setAvailable(index: number): void {
    this.#memory.setUint16(layout.driver + 2, index, true)
  }

  /** What the device asks to be told of (EVENT_IDX). */
  get availableEvent(): number {
    return this.#memory.getUint16(layout.device + 4 + 8 * this.#size, true)
  }

  /** Asks for an interrupt once so many were given back (EVENT_IDX). */
  setUsedEvent(index: number): void {
    this.#memory.setUint16(layout.driver + 4 + 2 * this.#size, index, true)
  }

  suppressInterrupts(): void {
    this.#memory.setUint16(layout.driver, 1, true)
  }

  notify(): void {
    this.#fn.writeBar(virtioBar.index, virtioBar.notify, 2, 0n)
  }

  /** Every element that the device has given back. */
  used(): { id: number; length: number }[] {
    const count = this.#memory.getUint16(layout.device + 2, true)
    assert.ok(count <= this.#size, 'the tests do not wrap around')
    return Array.from({ length: count }, (_, i) => ({
      id: this.#memory.getUint32(layout.device + 4 + 8 * i, true),
      length: this.#memory.getUint32(layout.device + 8 + 8 * i, true),
    }))
  }
}

function widthOf(field: CommonField): 1 | 2 | 4 {
  return ({ u8: 1, u16: 2, u32: 4 } as const)[CommonConfig.fields[field]]
}
