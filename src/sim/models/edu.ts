import { msi } from '../../kit/capabilities.js'
import type { FunctionDeclaration, SimulatedModel } from '../simulated-model.js'
import { EduDevice, startEduTransfer } from './edu-device.js'

/** As QEMU announces it: conventional PCI, one BAR of 1 MiB, MSI, and nothing else. */
const function0: FunctionDeclaration = {
  config: {
    vendorId: 0x1234,
    deviceId: 0x11e8,
    revision: 0x10,
    classCode: 0x00ff00,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    interruptPin: 1,
    bars: [{ index: 0, kind: 'memory32', size: 0x10_0000, address: 0xfeb0_0000 }],
    capabilities: [msi()],
    size: 256,
  },
  logic: (host) => new EduDevice(host),
  program: startEduTransfer,
}

export const edu: SimulatedModel = {
  name: 'edu',
  description: "QEMU's edu on the root bus: a transfer takes 100 ms, and nothing can reset it",
  bus: 'root',
  functions: [function0],
}

export const eduPort: SimulatedModel = {
  name: 'edu-port',
  description: "QEMU's edu behind a root port: a bus reset of its own",
  bus: 'behind-port',
  functions: [function0],
}
