// An IOMMU group is the smallest set of functions that the IOMMU can tell apart from the rest: it is given away as a
// whole or not at all.
import { pciDevicePath, readLinkName, readNames } from './sysfs-attribute.js'

export interface IommuGroupMember {
  /** Full form: `0000:03:00.0`. */
  readonly address: string
  /** The driver that holds it; absent where none does. */
  readonly driver?: string
}

export interface IommuGroup {
  /** The group's number, as in `/dev/vfio/<group>`. */
  readonly group: string
  /** Every function of the group, the one asked about included, in order of address. */
  readonly members: readonly IommuGroupMember[]
}

/** The group of a function, or `undefined` where it is in none: no IOMMU, or it is switched off. */
export function readIommuGroup(sysfsRoot: string, address: string): IommuGroup | undefined {
  const device = pciDevicePath(sysfsRoot, address)
  const group = readLinkName(`${device}/iommu_group`)
  if (group === undefined) return undefined
  const members = readNames(`${device}/iommu_group/devices`).map((member): IommuGroupMember => {
    const driver = readLinkName(`${pciDevicePath(sysfsRoot, member)}/driver`)
    return driver === undefined ? { address: member } : { address: member, driver }
  })
  return { group, members }
}
