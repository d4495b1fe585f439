// A virtio device that is easy to check, with a driver and memory.
import { PciDevice } from '../../../src/kit/pci-device.js'
import { type VirtioDeclaration, virtioDevice } from '../../../src/kit/virtio/virtio-device.js'
import { enable, FakeClient } from './fake-client.js'
import { layout, VirtioDriver } from './virtio-driver.js'

export const memorySize = 0x8000

/** A device that answers every request with the bytes that it was sent, in capitals as it were: each plus one. */
export function increments(serve?: VirtioDeclaration['serve'], isShared = true) {
  const device = new PciDevice(
    virtioDevice({
      type: 42,
      classCode: 0xff0000,
      features: 0b101n,
      queueSizes: [8],
      config: new Uint8Array([0x11, 0x22, 0x33, 0x44]),
      serve:
        serve ??
        (async (_queue, request) => {
          const bytes = await request.read(0x1000)
          return bytes !== undefined && request.write(bytes.map((byte) => byte + 1))
        }),
    }),
  )
  const client = new FakeClient()
  device.connect(client)
  enable(device)
  device.writeConfig(0x42, 2, 0x8000) // MSI-X, the first capability
  const memory = client.memory.map(0n, memorySize, 'read-write', isShared)
  return { device, client, memory, driver: new VirtioDriver(device, memory) }
}

export const request = { address: BigInt(layout.buffers), length: 4 }
export const answer = { address: BigInt(layout.buffers + 0x100), length: 16, isWritable: true }
