// What virtio devices keep in vendor-specific capabilities (Virtual I/O Device 1.2 section 4.1.4).
import { register } from '../../bits/register.js'

export const virtioOffset = { type: 3, bar: 4, offset: 8, length: 12, notifyMultiplier: 16, configData: 16 } as const

export const virtioVendorId = 0x1af4
/** Transitional and modern devices. */
export const virtioDeviceIds = { first: 0x1000, last: 0x107f } as const

export const VirtioType = register('VIRTIO_PCI_CAP_CFG_TYPE', 8, { type: [7, 0] })
export const VirtioBar = register('VIRTIO_PCI_CAP_BAR', 8, { bar: [7, 0] })
export const VirtioOffset = register('VIRTIO_PCI_CAP_OFFSET', 32, { offset: [31, 0] })
export const VirtioLength = register('VIRTIO_PCI_CAP_LENGTH', 32, { length: [31, 0] })
export const VirtioNotifyMultiplier = register('VIRTIO_PCI_NOTIFY_CAP_MULT', 32, { multiplier: [31, 0] })

/** Values of VirtioType.type. */
export const virtioType = { common: 1, notify: 2, isr: 3, device: 4, pciAccess: 5, sharedMemory: 8 } as const
