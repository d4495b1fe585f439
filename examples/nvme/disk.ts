import { msix, pciExpress, powerManagement } from '../../src/kit/capabilities.js'
import { PciDevice } from '../../src/kit/pci-device.js'
import type { BlockStore } from './block-store.js'
import { NvmeDiskController } from './controller.js'
import { identity, limits } from './limits.js'

/** An NVMe disk: a controller with one namespace, whose blocks are in `store`. */
export function nvmeDisk(store: BlockStore, serial: string): PciDevice {
  return new PciDevice({
    config: {
      vendorId: identity.vendorId,
      deviceId: 0x0010,
      revision: 2,
      classCode: 0x010802,
      interruptPin: 1,
      bars: [{ index: 0, kind: 'memory64', size: 0x4000, address: 0 }],
      capabilities: [
        msix({ vectors: limits.vectors, bar: 0, table: 0x2000, pending: 0x3000 }),
        powerManagement(true),
        pciExpress({ flr: true }),
      ],
      size: 4096,
    },
    model: (session) => new NvmeDiskController(session, store, serial),
  })
}
