// The ioctl numbers of <linux/vfio.h> and <linux/iommufd.h>. All are `_IO`: the size of the struct is not in the number
// but in its first field, so that structs can grow.
import type { IoctlCommand } from '../../linux/ioctl.js'

/** `_IO(';', number)` where `_IOC_NONE` is 0: x86, arm64, riscv64, s390x. */
const io = (number: number): number => (';'.charCodeAt(0) << 8) | number

const vfioBase = 100

function table<const T extends Readonly<Record<string, number>>>(
  base: number,
  numbers: T,
): { readonly [K in keyof T]: IoctlCommand } {
  const entries = Object.entries(numbers).map(([name, number]) => [name, { name, request: io(base + number) }])
  return Object.fromEntries(entries) as { readonly [K in keyof T]: IoctlCommand }
}

export const vfioIoctl = table(vfioBase, {
  VFIO_GET_API_VERSION: 0,
  VFIO_CHECK_EXTENSION: 1,
  VFIO_SET_IOMMU: 2,
  VFIO_GROUP_GET_STATUS: 3,
  VFIO_GROUP_SET_CONTAINER: 4,
  VFIO_GROUP_UNSET_CONTAINER: 5,
  VFIO_GROUP_GET_DEVICE_FD: 6,
  VFIO_DEVICE_GET_INFO: 7,
  VFIO_DEVICE_GET_REGION_INFO: 8,
  VFIO_DEVICE_GET_IRQ_INFO: 9,
  VFIO_DEVICE_SET_IRQS: 10,
  VFIO_DEVICE_RESET: 11,
  // Numbers 12 to 14 are used twice: on a device, and on a container.
  VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: 12,
  VFIO_DEVICE_PCI_HOT_RESET: 13,
  VFIO_IOMMU_GET_INFO: 12,
  VFIO_IOMMU_MAP_DMA: 13,
  VFIO_IOMMU_UNMAP_DMA: 14,
  VFIO_DEVICE_FEATURE: 17,
  VFIO_DEVICE_BIND_IOMMUFD: 18,
  VFIO_DEVICE_ATTACH_IOMMUFD_PT: 19,
  VFIO_DEVICE_DETACH_IOMMUFD_PT: 20,
})

export const iommufdIoctl = table(0x80, {
  IOMMU_DESTROY: 0,
  IOMMU_IOAS_ALLOC: 1,
  IOMMU_IOAS_IOVA_RANGES: 4,
  IOMMU_IOAS_MAP: 5,
  IOMMU_IOAS_UNMAP: 6,
  IOMMU_IOAS_MAP_FILE: 15,
})
