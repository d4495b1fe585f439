// Whether the kernel's VFIO is there, and for this user.
import { accessSync, constants, existsSync } from 'node:fs'
import { readAttribute, readNames } from './sysfs-attribute.js'

/** Whether a file is there, and whether this user may read and write it. */
export type NodeAccess = 'missing' | 'denied' | 'granted'

export interface VfioAvailability {
  /** `/dev/vfio/vfio`, from which containers are made. */
  readonly container: NodeAccess
  /** `/dev/iommu`, to which devices are bound that are opened as character devices. */
  readonly iommufd: NodeAccess
  /** The vfio-pci driver is loaded or built in. */
  readonly driverLoaded: boolean
  /** Devices may be given away with no IOMMU at all: nothing contains their DMA. */
  readonly unsafeNoIommu: boolean
  /** The IOMMU has made groups of the devices. */
  readonly iommuGroups: boolean
}

export function nodeAccess(path: string): NodeAccess {
  if (!existsSync(path)) return 'missing'
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return 'granted'
  } catch {
    return 'denied'
  }
}

export function readVfioAvailability(sysfsRoot = '/sys', devRoot = '/dev'): VfioAvailability {
  return {
    container: nodeAccess(`${devRoot}/vfio/vfio`),
    iommufd: nodeAccess(`${devRoot}/iommu`),
    driverLoaded: existsSync(`${sysfsRoot}/bus/pci/drivers/vfio-pci`),
    unsafeNoIommu: readAttribute(`${sysfsRoot}/module/vfio/parameters/enable_unsafe_noiommu_mode`) === 'Y',
    iommuGroups: readNames(`${sysfsRoot}/kernel/iommu_groups`).length > 0,
  }
}
