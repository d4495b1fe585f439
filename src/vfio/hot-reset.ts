// VFIO_DEVICE_GET_PCI_HOT_RESET_INFO and the argument of VFIO_DEVICE_PCI_HOT_RESET.

import { errnoName } from '../linux/errno.js'
import type { IoctlResult } from '../linux/ioctl.js'
import { vfioConstant } from './abi/constants.js'
import { PciDependentDevice, PciHotReset, PciHotResetInfo } from './abi/vfio-structs.js'

/** A function that a hot reset would take along, and by what the kernel tells whose it is. */
export type DependentFunction = { readonly address: string } & (
  | {
      /** Its IOMMU group, as in `/dev/vfio/<group>`: what a device that was opened by its group is told. */
      readonly group: string
    }
  | {
      /** Whether it is bound to the caller's iommufd, or in a group with such a one: what a character device is told. */
      readonly isOwned: boolean
    }
)

export type HotResetInfo =
  | { readonly ok: true; readonly functions: readonly DependentFunction[] }
  | { readonly ok: false; readonly errno: number }

const twoDigits = (value: number): string => value.toString(16).padStart(2, '0')

function readDependent(bytes: Uint8Array, offset: number, byDeviceId: boolean): DependentFunction {
  const { group_id, segment, bus, devfn } = PciDependentDevice.decode(bytes, offset)
  const domain = segment.toString(16).padStart(4, '0')
  // PCI_SLOT and PCI_FUNC: five bits and three.
  const address = `${domain}:${twoDigits(bus)}:${twoDigits(devfn >> 3)}.${devfn & 7}`
  if (!byDeviceId) return { address, group: String(group_id) }
  // An s32 there: the device's id in the iommufd, 0 for one that is owned through its group, -1 for a stranger.
  return { address, isOwned: (group_id | 0) > vfioConstant.VFIO_PCI_DEVID_NOT_OWNED }
}

/** The functions that the info names; never more than its bytes hold. */
export function parseHotResetInfo(bytes: Uint8Array): DependentFunction[] {
  const room = Math.floor((bytes.byteLength - PciHotResetInfo.size) / PciDependentDevice.size)
  const { count, flags } = PciHotResetInfo.decode(bytes)
  const byDeviceId = (flags & vfioConstant.VFIO_PCI_HOT_RESET_FLAG_DEV_ID) !== 0
  return Array.from({ length: Math.min(count, room) }, (_, index) =>
    readDependent(bytes, PciHotResetInfo.size + index * PciDependentDevice.size, byDeviceId),
  )
}

/** A bus has at most 256 functions, and a slot fewer; more room than this the kernel never needs. */
const attempts = 4

/**
 * Asks what a hot reset would take along. The kernel answers ENOSPC and the count where the room does not suffice;
 * devices may be plugged in between two calls, hence several attempts.
 */
export function queryHotResetInfo(call: (bytes: Uint8Array) => IoctlResult): HotResetInfo {
  let room = 1
  for (let attempt = 0; ; attempt++) {
    const argsz = PciHotResetInfo.size + room * PciDependentDevice.size
    const bytes = PciHotResetInfo.encode({ argsz }, new Uint8Array(argsz))
    const result = call(bytes)
    if (result.ok) return { ok: true, functions: parseHotResetInfo(bytes) }
    if (errnoName(result.errno) !== 'ENOSPC' || attempt === attempts) return result
    room = Math.min(Math.max(PciHotResetInfo.decode(bytes).count, room + 1), 65536)
  }
}

/** The bytes of `struct vfio_pci_hot_reset`: the groups that prove what is ours; none for a character device. */
export function encodeHotReset(groupFds: readonly number[]): Uint8Array {
  const argsz = PciHotReset.size + 4 * groupFds.length
  const bytes = PciHotReset.encode({ argsz, flags: 0, count: groupFds.length }, new Uint8Array(argsz))
  const data = new DataView(bytes.buffer, PciHotReset.size)
  for (const [index, fd] of groupFds.entries()) data.setInt32(4 * index, fd, true)
  return bytes
}
