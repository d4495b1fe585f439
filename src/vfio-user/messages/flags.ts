// The flag words of the payloads. VFIO's own where the specification takes them from <linux/vfio.h>.
import { register } from '../../bits/register.js'

/** `mmap` and `fileIo` say how the file that comes with it is to be reached; without them an fd means mmap. */
export const DmaMapFlags = register('vfio_user_dma_map.flags', 32, { read: [0], write: [1], mmap: [2], fileIo: [3] })

export const DmaUnmapFlags = register('vfio_user_dma_unmap.flags', 32, { dirtyBitmap: [0], all: [1] })

export const DeviceInfoFlags = register('vfio_user_device_info.flags', 32, { reset: [0], pci: [1] })

export const RegionInfoFlags = register('vfio_region_info.flags', 32, { read: [0], write: [1], mmap: [2], caps: [3] })

export const IrqInfoFlags = register('vfio_irq_info.flags', 32, {
  eventfd: [0],
  maskable: [1],
  automasked: [2],
  noresize: [3],
})

/** One of the data flags and one of the action flags. */
export const IrqSetFlags = register('vfio_irq_set.flags', 32, {
  dataNone: [0],
  dataBool: [1],
  dataEventfd: [2],
  actionMask: [3],
  actionUnmask: [4],
  actionTrigger: [5],
})

export const DeviceFeatureFlags = register('vfio_user_device_feature.flags', 32, {
  feature: [15, 0],
  get: [16],
  set: [17],
  probe: [18],
})
