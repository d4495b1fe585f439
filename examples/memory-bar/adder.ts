import { msix, pciExpress } from '../../src/kit/capabilities.js'
import { PciDevice } from '../../src/kit/pci-device.js'
import { SharedMemory } from '../../src/linux/shared-memory.js'

export const adderBar = { registers: 0, msix: 1, memory: 2 } as const
const memorySize = 0x1_0000

/**
 * A device with memory in BAR 2, which a VMM maps into its guest: what the guest does there reaches this process without
 * any message. Reading its one register adds the dwords up.
 */
export function adder(): PciDevice {
  return new PciDevice({
    config: {
      vendorId: 0x1234,
      deviceId: 0x0add,
      revision: 1,
      classCode: 0xff0000,
      interruptPin: 0,
      bars: [
        { index: adderBar.registers, kind: 'memory32', size: 0x1000, address: 0 },
        { index: adderBar.msix, kind: 'memory32', size: 0x1000, address: 0 },
        { index: adderBar.memory, kind: 'memory64', size: memorySize, address: 0, prefetchable: true },
      ],
      capabilities: [msix({ vectors: 1, bar: adderBar.msix, table: 0, pending: 0x800 }), pciExpress({ flr: true })],
      size: 4096,
    },
    memory: [{ bar: adderBar.memory, allocate: (size) => new SharedMemory(size) }],
    model: (session) => ({
      read: () => {
        const bytes = session.barMemory(adderBar.memory) ?? new Uint8Array()
        const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
        return BigInt(words.reduce((sum, word) => sum + word, 0))
      },
      write: () => session.raise(0),
    }),
  })
}
