// VFIO_DEVICE_GET_PCI_HOT_RESET_INFO and the argument of VFIO_DEVICE_PCI_HOT_RESET.

import { errnoName } from '../linux/errno.js'
import type { IoctlResult } from '../linux/ioctl.js'
import { PciDependentDevice, PciHotReset, PciHotResetInfo } from './abi/vfio-structs.js'

export interface DependentFunction {
  readonly address: string
  /** Its IOMMU group, as in `/dev/vfio/<group>`. */
  readonly group: string
}

export type HotResetInfo =
  | { readonly ok: true; readonly functions: readonly DependentFunction[] }
  | { readonly ok: false; readonly errno: number }

const twoDigits = (value: number): string => value.toString(16).padStart(2, '0')

function readDependent(bytes: Uint8Array, offset: number): DependentFunction {
  const { group_id, segment, bus, devfn } = PciDependentDevice.decode(bytes, offset)
  const domain = segment.toString(16).padStart(4, '0')
  // PCI_SLOT and PCI_FUNC: five bits and three.
  return { address: `${domain}:${twoDigits(bus)}:${twoDigits(devfn >> 3)}.${devfn & 7}`, group: String(group_id) }
}

/** The functions that the info names; never more than its bytes hold. */
export function parseHotResetInfo(bytes: Uint8Array): DependentFunction[] {
  const room = Math.floor((bytes.byteLength - PciHotResetInfo.size) / PciDependentDevice.size)
  const count = Math.min(PciHotResetInfo.decode(bytes).count, room)
  return Array.from({ length: count }, (_, index) =>
    readDependent(bytes, PciHotResetInfo.size + index * PciDependentDevice.size),
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

/** The bytes of `struct vfio_pci_hot_reset`: the groups that prove what is ours. */
export function encodeHotReset(groupFds: readonly number[]): Uint8Array {
  const argsz = PciHotReset.size + 4 * groupFds.length
  const bytes = PciHotReset.encode({ argsz, flags: 0, count: groupFds.length }, new Uint8Array(argsz))
  const data = new DataView(bytes.buffer, PciHotReset.size)
  for (const [index, fd] of groupFds.entries()) data.setInt32(4 * index, fd, true)
  return bytes
}
