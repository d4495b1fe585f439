// The structs of the payloads. Where one is followed by data, the data begins at its `size`.
import { struct } from '../../bits/struct.js'

/** Followed by JSON that ends in NUL, or by nothing. */
export const Version = struct('vfio_user_version', { major: 'u16', minor: 'u16' })

export const DmaMap = struct('vfio_user_dma_map', {
  argsz: 'u32',
  flags: 'u32',
  offset: 'u64',
  address: 'u64',
  size: 'u64',
})

export const DmaUnmap = struct('vfio_user_dma_unmap', { argsz: 'u32', flags: 'u32', address: 'u64', size: 'u64' })

/** Follows `vfio_user_dma_unmap` where the dirty bitmap is asked for; in the reply, `size` bytes follow it. */
export const Bitmap = struct('vfio_user_bitmap', { pgsize: 'u64', size: 'u64' })

export const DeviceInfo = struct('vfio_user_device_info', {
  argsz: 'u32',
  flags: 'u32',
  num_regions: 'u32',
  num_irqs: 'u32',
})

/** In a reply, followed by capabilities. */
export const RegionInfo = struct('vfio_region_info', {
  argsz: 'u32',
  flags: 'u32',
  index: 'u32',
  cap_offset: 'u32',
  size: 'u64',
  offset: 'u64',
})

/** With which every capability of a region begins. */
export const RegionCapHeader = struct('vfio_info_cap_header', { id: 'u16', version: 'u16', next: 'u32' })

/** Followed by `nr_areas` times `vfio_region_sparse_mmap_area`. */
export const SparseMmapCap = struct('vfio_region_info_cap_sparse_mmap', {
  id: 'u16',
  version: 'u16',
  next: 'u32',
  nr_areas: 'u32',
  reserved: 'u32',
})

export const SparseMmapArea = struct('vfio_region_sparse_mmap_area', { offset: 'u64', size: 'u64' })

/** In a reply, followed by `count` sub-regions. */
export const RegionIoFds = struct('vfio_user_region_io_fds', {
  argsz: 'u32',
  flags: 'u32',
  index: 'u32',
  count: 'u32',
})

/** `datamatch` of an ioeventfd, `user_data` of an ioregionfd. */
export const IoFdSubRegion = struct('vfio_user_sub_region_io_fd', {
  offset: 'u64',
  size: 'u64',
  fd_index: 'u32',
  type: 'u32',
  flags: 'u32',
  padding: 'u32',
  datamatch: 'u64',
})

export const IrqInfo = struct('vfio_irq_info', { argsz: 'u32', flags: 'u32', index: 'u32', count: 'u32' })

/** Followed by one byte for each interrupt where the data is BOOL. */
export const IrqSet = struct('vfio_irq_set', { argsz: 'u32', flags: 'u32', index: 'u32', start: 'u32', count: 'u32' })

export const RegionAccess = struct('vfio_user_region_access', { offset: 'u64', region: 'u32', count: 'u32' })

export const DmaAccess = struct('vfio_user_dma_region_access', { address: 'u64', count: 'u64' })

/** Followed by `wr_cnt` times `vfio_user_write_one`. */
export const WriteMulti = struct('vfio_user_write_multi', { wr_cnt: 'u64' })

/** `data` is eight bytes, of which the first `count` are written. */
export const WriteOne = struct('vfio_user_write_one', { offset: 'u64', region: 'u32', count: 'u32', data: 'u64' })

/** Followed by the data of the feature. */
export const DeviceFeature = struct('vfio_user_device_feature', { argsz: 'u32', flags: 'u32' })

export const MigrationData = struct('vfio_user_mig_data', { argsz: 'u32', size: 'u32' })
