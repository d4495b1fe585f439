// Which drivers leave a function's DMA to user space. The kernel calls a group viable when every member is held by one
// of these or by none (`driver_managed_dma` in the driver model; drivers/iommu/iommu.c, iommu_device_claim_dma_owner).

/** Drivers that hold a function without ever mapping memory for it, so that its siblings can be given away. */
const harmlessDrivers: ReadonlySet<string> = new Set(['pci-stub', 'pcieport'])

/** vfio-pci itself, or one of its vendor variants (`mlx5_vfio_pci`, `nvgrace_gpu_vfio_pci`, ...). */
export function isVfioDriver(driver: string | undefined): boolean {
  return driver !== undefined && /(^|[-_])vfio[-_]pci$/.test(driver)
}

/** Whether a group member with this driver lets the rest of its group be given away. */
export function leavesGroupViable(driver: string | undefined): boolean {
  return driver === undefined || harmlessDrivers.has(driver) || isVfioDriver(driver)
}
