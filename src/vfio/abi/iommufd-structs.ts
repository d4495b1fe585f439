// The structs of <linux/iommufd.h>. Each begins with its own size.
import { struct } from '../../bits/struct.js'

export const IommuDestroy = struct('iommu_destroy', { size: 'u32', id: 'u32' })

export const IommuIoasAlloc = struct('iommu_ioas_alloc', { size: 'u32', flags: 'u32', out_ioas_id: 'u32' })

export const IommuIovaRange = struct('iommu_iova_range', { start: 'u64', last: 'u64' })

export const IommuIoasIovaRanges = struct('iommu_ioas_iova_ranges', {
  size: 'u32',
  ioas_id: 'u32',
  num_iovas: 'u32',
  __reserved: 'u32',
  allowed_iovas: 'u64',
  out_iova_alignment: 'u64',
})

export const IommuIoasMap = struct('iommu_ioas_map', {
  size: 'u32',
  flags: 'u32',
  ioas_id: 'u32',
  __reserved: 'u32',
  user_va: 'u64',
  length: 'u64',
  iova: 'u64',
})

export const IommuIoasUnmap = struct('iommu_ioas_unmap', {
  size: 'u32',
  ioas_id: 'u32',
  iova: 'u64',
  length: 'u64',
})

/** As `iommu_ioas_map`, of a memfd or a dma-buf; `start` is an offset into it. */
export const IommuIoasMapFile = struct('iommu_ioas_map_file', {
  size: 'u32',
  flags: 'u32',
  ioas_id: 'u32',
  fd: 's32',
  start: 'u64',
  length: 'u64',
  iova: 'u64',
})
