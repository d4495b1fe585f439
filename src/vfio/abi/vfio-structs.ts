// The structs of <linux/vfio.h>. Where one ends in a flexible array, the array begins at `size`.
import { struct } from '../../bits/struct.js'

/** `struct vfio_info_cap_header`, with which every capability begins. */
const capabilityHeader = { id: 'u16', version: 'u16', next: 'u32' } as const

export const InfoCapHeader = struct('vfio_info_cap_header', capabilityHeader)

export const GroupStatus = struct('vfio_group_status', { argsz: 'u32', flags: 'u32' })

export const DeviceInfo = struct('vfio_device_info', {
  argsz: 'u32',
  flags: 'u32',
  num_regions: 'u32',
  num_irqs: 'u32',
  cap_offset: 'u32',
  pad: 'u32',
})

export const RegionInfo = struct('vfio_region_info', {
  argsz: 'u32',
  flags: 'u32',
  index: 'u32',
  cap_offset: 'u32',
  size: 'u64',
  offset: 'u64',
})

export const RegionSparseMmapCap = struct('vfio_region_info_cap_sparse_mmap', {
  ...capabilityHeader,
  nr_areas: 'u32',
  reserved: 'u32',
})

export const RegionSparseMmapArea = struct('vfio_region_sparse_mmap_area', { offset: 'u64', size: 'u64' })

export const RegionTypeCap = struct('vfio_region_info_cap_type', { ...capabilityHeader, type: 'u32', subtype: 'u32' })

export const IrqInfo = struct('vfio_irq_info', { argsz: 'u32', flags: 'u32', index: 'u32', count: 'u32' })

/** Followed by `data`: nothing, one byte, or one s32 eventfd per vector. */
export const IrqSet = struct('vfio_irq_set', { argsz: 'u32', flags: 'u32', index: 'u32', start: 'u32', count: 'u32' })

/** `group_id` of a device that was opened by its group; of one opened as a character device, an s32 `devid`. */
export const PciDependentDevice = struct('vfio_pci_dependent_device', {
  group_id: 'u32',
  segment: 'u16',
  bus: 'u8',
  devfn: 'u8',
})

/** Followed by `count` times `vfio_pci_dependent_device`. */
export const PciHotResetInfo = struct('vfio_pci_hot_reset_info', { argsz: 'u32', flags: 'u32', count: 'u32' })

/** Followed by `count` group file descriptors, s32 each. */
export const PciHotReset = struct('vfio_pci_hot_reset', { argsz: 'u32', flags: 'u32', count: 'u32' })

export const DeviceFeature = struct('vfio_device_feature', { argsz: 'u32', flags: 'u32' })

/** What `VFIO_DEVICE_FEATURE_DMA_BUF` takes, followed by `nr_ranges` times `vfio_region_dma_range`. */
export const FeatureDmaBuf = struct('vfio_device_feature_dma_buf', {
  region_index: 'u32',
  open_flags: 'u32',
  flags: 'u32',
  nr_ranges: 'u32',
})

export const RegionDmaRange = struct('vfio_region_dma_range', { offset: 'u64', length: 'u64' })

export const Type1Info = struct('vfio_iommu_type1_info', {
  argsz: 'u32',
  flags: 'u32',
  iova_pgsizes: 'u64',
  cap_offset: 'u32',
  pad: 'u32',
})

/** Followed by `nr_iovas` times `vfio_iova_range`. */
export const Type1IovaRangeCap = struct('vfio_iommu_type1_info_cap_iova_range', {
  ...capabilityHeader,
  nr_iovas: 'u32',
  reserved: 'u32',
})

/** `end` is the last address, not the one after it. */
export const IovaRange = struct('vfio_iova_range', { start: 'u64', end: 'u64' })

export const Type1MigrationCap = struct('vfio_iommu_type1_info_cap_migration', {
  ...capabilityHeader,
  flags: 'u32',
  pgsize_bitmap: 'u64',
  max_dirty_bitmap_size: 'u64',
})

export const Type1DmaAvail = struct('vfio_iommu_type1_info_dma_avail', { ...capabilityHeader, avail: 'u32' })

export const Type1DmaMap = struct('vfio_iommu_type1_dma_map', {
  argsz: 'u32',
  flags: 'u32',
  vaddr: 'u64',
  iova: 'u64',
  size: 'u64',
})

export const Type1DmaUnmap = struct('vfio_iommu_type1_dma_unmap', {
  argsz: 'u32',
  flags: 'u32',
  iova: 'u64',
  size: 'u64',
})

export const DeviceBindIommufd = struct('vfio_device_bind_iommufd', {
  argsz: 'u32',
  flags: 'u32',
  iommufd: 's32',
  out_devid: 'u32',
  token_uuid_ptr: 'u64',
})

export const DeviceAttachIommufdPt = struct('vfio_device_attach_iommufd_pt', {
  argsz: 'u32',
  flags: 'u32',
  pt_id: 'u32',
  pasid: 'u32',
})

export const DeviceDetachIommufdPt = struct('vfio_device_detach_iommufd_pt', {
  argsz: 'u32',
  flags: 'u32',
  pasid: 'u32',
})
