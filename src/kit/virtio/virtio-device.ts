// A virtio device as a declaration: its type, its queues and what it does with a request. Modern, over PCI.

import { vendorOffset } from '../../pci/capabilities/vendor.js'
import { virtioOffset, virtioType, virtioVendorId } from '../../pci/capabilities/virtio.js'
import { capabilityId } from '../../pci/capability-ids.js'
import { msix, pciExpress, vendorSpecific } from '../capabilities.js'
import type { CapabilityDeclaration } from '../config-declaration.js'
import type { PciDeviceDeclaration } from '../pci-device.js'
import { virtioBar } from './common-config.js'
import { VirtioModel } from './virtio-model.js'
import type { VirtioRequest } from './virtio-request.js'

export interface VirtioDeclaration {
  /** Of the specification's table (5): 1 network, 2 block, 4 entropy. */
  readonly type: number
  /** 24 bits: base class, sub-class, interface. */
  readonly classCode: number
  /** Device-specific feature bits that are offered. */
  readonly features?: bigint
  /** The largest size of each queue: powers of two. */
  readonly queueSizes: readonly number[]
  /** Device-specific configuration, as the driver reads it. */
  readonly config?: Uint8Array
  /**
   * Answers a request; true once it is answered, false where the device cannot go on. `signal` is aborted by a reset,
   * after which nothing that it still writes goes anywhere.
   */
  readonly serve: (queue: number, request: VirtioRequest, signal: AbortSignal) => Promise<boolean>
  /**
   * Lets it migrate: `stateless` where nothing is kept from one request to the next, or how that is saved and restored.
   * Requests are answered first, so a device whose `serve` may wait for ever should not have this.
   */
  readonly migration?: 'stateless' | VirtioOwnState
}

/** What a device keeps beside its queues. */
export interface VirtioOwnState {
  save(): Uint8Array
  /** @throws QuiesceError if it is none of its states */
  restore(state: Uint8Array): void
}

/** PCI device ids of modern devices follow their type (4.1.2.1). */
const firstModernId = 0x1040
const msixBar = { index: 1, size: 0x1000, pending: 0x800 } as const

function structure(type: number, offset: number, multiplier?: number): CapabilityDeclaration {
  const size = virtioOffset.notifyMultiplier + (multiplier === undefined ? 0 : 4)
  const view = new DataView(new ArrayBuffer(size))
  view.setUint8(virtioOffset.type, type)
  view.setUint8(virtioOffset.bar, virtioBar.index)
  view.setUint32(virtioOffset.offset, offset, true)
  view.setUint32(virtioOffset.length, virtioBar.structureSize, true)
  if (multiplier !== undefined) view.setUint32(virtioOffset.notifyMultiplier, multiplier, true)
  return vendorSpecific(new Uint8Array(view.buffer, vendorOffset.type))
}

/** VIRTIO_PCI_CAP_PCI_CFG (4.1.4.9): a window into the BARs, for who cannot reach them. */
function pciAccess(): CapabilityDeclaration {
  const { bar, offset, length, configData: data } = virtioOffset
  const size = data + 4
  return {
    id: capabilityId.vendor,
    length: size,
    fields: [
      { offset: vendorOffset.length, width: 1, value: size },
      { offset: virtioOffset.type, width: 1, value: virtioType.pciAccess },
      { offset: bar, width: 1, value: 0, writable: 0xff },
      ...[offset, length, data].map((at) => ({ offset: at, width: 4, value: 0, writable: 0xffff_ffff }) as const),
    ],
    barWindow: { bar, offset, length, data },
  }
}

/** The PCI device around it. Vector 0 is for its configuration, the others are for its queues. */
export function virtioDevice(declaration: VirtioDeclaration): PciDeviceDeclaration {
  const id = firstModernId + declaration.type
  const vectors = declaration.queueSizes.length + 1
  return {
    config: {
      vendorId: virtioVendorId,
      deviceId: id,
      // 1 or higher says that it is not transitional (4.1.2.1).
      revision: 1,
      classCode: declaration.classCode,
      subsystemVendorId: virtioVendorId,
      subsystemId: id,
      interruptPin: 1,
      bars: [
        { index: virtioBar.index, kind: 'memory32', size: virtioBar.size, address: 0 },
        { index: msixBar.index, kind: 'memory32', size: msixBar.size, address: 0 },
      ],
      capabilities: [
        msix({ vectors, bar: msixBar.index, table: 0, pending: msixBar.pending }),
        structure(virtioType.common, virtioBar.common),
        structure(virtioType.isr, virtioBar.isr),
        structure(virtioType.device, virtioBar.device),
        structure(virtioType.notify, virtioBar.notify, virtioBar.notifyMultiplier),
        pciAccess(),
        pciExpress({ flr: true }),
      ],
      size: 4096,
    },
    model: (session) => new VirtioModel(session, declaration),
  }
}
