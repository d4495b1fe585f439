import { msix, pciExpress, powerManagement, serialNumber } from '../../kit/capabilities.js'
import type { SimulatedModel } from '../simulated-model.js'
import { NvmeController, startIdentify } from './nvme-controller.js'

export const nvme: SimulatedModel = {
  name: 'nvme',
  description: 'a minimal NVMe controller: FLR, MSI-X, and state that survives D3hot',
  bus: 'behind-port',
  functions: [
    {
      config: {
        vendorId: 0x1b36,
        deviceId: 0x0010,
        revision: 2,
        classCode: 0x010802,
        interruptPin: 1,
        bars: [{ index: 0, kind: 'memory64', size: 0x4000, address: 0xfe80_0000 }],
        capabilities: [
          msix({ vectors: 4, bar: 0, table: 0x2000, pending: 0x3000 }),
          pciExpress({ flr: true }),
          powerManagement(true),
        ],
        extendedCapabilities: [serialNumber(1, 0x4e56_4d45)],
        size: 4096,
      },
      logic: (host) => new NvmeController(host),
      program: startIdentify,
    },
  ],
}
