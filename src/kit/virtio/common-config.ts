// What virtio's PCI transport declares (Virtual I/O Device 1.2: 2.1, 4.1.4, 6).
import { struct } from '../../bits/struct.js'

/** Where the parts of a queue are. */
export const queueWords = {
  queue_desc_lo: 'u32',
  queue_desc_hi: 'u32',
  queue_avail_lo: 'u32',
  queue_avail_hi: 'u32',
  queue_used_lo: 'u32',
  queue_used_hi: 'u32',
} as const

/** 4.1.4.3. */
export const CommonConfig = struct('virtio_pci_common_cfg', {
  device_feature_select: 'u32',
  device_feature: 'u32',
  guest_feature_select: 'u32',
  guest_feature: 'u32',
  msix_config: 'u16',
  num_queues: 'u16',
  device_status: 'u8',
  config_generation: 'u8',
  queue_select: 'u16',
  queue_size: 'u16',
  queue_msix_vector: 'u16',
  queue_enable: 'u16',
  queue_notify_off: 'u16',
  ...queueWords,
})

export type CommonField = keyof typeof CommonConfig.fields

/** Device status (2.1). */
export const deviceStatus = {
  acknowledge: 1,
  driver: 2,
  driverOk: 4,
  featuresOk: 8,
  needsReset: 0x40,
  failed: 0x80,
} as const

/** Reserved feature bits (6): without VERSION_1 it would be a legacy device, which this is not. */
export const featureBit = { indirectDescriptors: 28n, eventIndex: 29n, version1: 32n } as const

/** "No vector" (4.1.5.1.2). */
export const noVector = 0xffff

/** ISR status (4.1.4.5). */
export const isrStatus = { queue: 1, config: 2 } as const

/** Where the structures lie in BAR 0; MSI-X has a BAR of its own. */
export const virtioBar = {
  index: 0,
  size: 0x4000,
  common: 0x0000,
  isr: 0x1000,
  device: 0x2000,
  notify: 0x3000,
  /** Bytes from one queue's notification to the next one's. */
  notifyMultiplier: 4,
  structureSize: 0x1000,
} as const
