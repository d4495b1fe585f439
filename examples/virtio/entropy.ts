import { PciDevice } from '../../src/kit/pci-device.js'
import { virtioDevice } from '../../src/kit/virtio/virtio-device.js'

/** However much a driver asks for, it gets this much at a time (Virtual I/O Device 1.2, 5.4.6.2). */
const most = 0x1_0000

/** A virtio entropy device: fills every buffer with what `random` gives. */
export function entropyDevice(random: (bytes: number) => Uint8Array): PciDevice {
  return new PciDevice(
    virtioDevice({
      type: 4,
      classCode: 0xff0000,
      queueSizes: [64],
      migration: 'stateless',
      serve: (_queue, request) => request.write(random(Math.min(request.writable, most))),
    }),
  )
}
