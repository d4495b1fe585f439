// Whether a function can be given to a virtual machine now, and if not, everything that stands in the way: a table of
// checks in the order in which a person would put things right.
import { type ErrorCode, QuiesceError } from '../errors/quiesce-error.js'
import type { IommuGroup } from './iommu-group.js'
import type { PciSummary } from './pci-device.js'
import type { NodeAccess, VfioAvailability } from './vfio-availability.js'
import { isVfioDriver, leavesGroupViable } from './vfio-driver.js'

/** What the checks look at. */
export interface AssignabilityFacts {
  readonly device: PciSummary
  readonly group: IommuGroup | undefined
  readonly vfio: VfioAvailability
  /** `/dev/vfio/<group>`, which exists once a member is bound to a VFIO driver. */
  readonly groupNode: NodeAccess
  /** `/dev/vfio/devices/vfio<N>`, on kernels that hand devices out as character devices too. */
  readonly deviceNode: { readonly path: string; readonly access: NodeAccess } | undefined
}

interface Finding {
  /** A few words, for a table. */
  readonly brief: string
  /** A clause that follows "Cannot assign <address>: ". */
  readonly reason: string
  readonly hint: string
}

export interface Blocker extends Finding {
  readonly check: string
  readonly code: ErrorCode
}

/** The kernel's two ways to hand a device out; each has files of its own. */
type Way = 'group' | 'cdev'

interface Check {
  readonly name: string
  /** The way that it is about; both, if none is given. */
  readonly way?: Way
  readonly code: ErrorCode
  readonly look: (facts: AssignabilityFacts) => Finding | undefined
}

function bindHint({ address, driver }: PciSummary, vfio: VfioAvailability): string {
  const bus = '/sys/bus/pci'
  const commands = [
    ...(vfio.driverLoaded ? [] : ['modprobe vfio-pci']),
    `echo vfio-pci > ${bus}/devices/${address}/driver_override`,
    ...(driver === undefined ? [] : [`echo ${address} > ${bus}/devices/${address}/driver/unbind`]),
    `echo ${address} > ${bus}/drivers_probe`,
  ]
  return `Bind it as root: ${commands.join('; ')}`
}

const noIommuHint =
  'Switch on VT-d or AMD-Vi in the firmware, boot Linux with intel_iommu=on (Intel), and look for "DMAR" or "AMD-Vi" in dmesg'

const bridgeBaseClass = 0x06

/** Host bridges, root ports, switches, ISA bridges: they carry other devices and stay with the host. */
export function isBridge(device: PciSummary): boolean {
  return device.classCode >>> 16 === bridgeBaseClass
}

const checks: readonly Check[] = [
  {
    name: 'bridge',
    code: 'UNSUPPORTED',
    look: ({ device }) =>
      isBridge(device)
        ? {
            brief: 'bridge',
            reason: 'it is a bridge, which carries other devices and stays with the host',
            hint: 'Assign the devices behind it instead',
          }
        : undefined,
  },
  {
    name: 'iommu-group',
    code: 'NO_IOMMU',
    look: ({ group, vfio }) =>
      group === undefined
        ? {
            brief: 'no IOMMU group',
            reason: vfio.iommuGroups
              ? 'it is in no IOMMU group, so nothing would confine its DMA'
              : 'this machine has no IOMMU in use, so nothing would confine its DMA',
            hint: noIommuHint,
          }
        : undefined,
  },
  {
    name: 'group-siblings',
    code: 'GROUP_NOT_VIABLE',
    look: ({ device, group }) => {
      const holders = group?.members.filter(
        (member) => member.address !== device.address && !leavesGroupViable(member.driver),
      )
      if (group === undefined || holders === undefined || holders.length === 0) return undefined
      const list = holders.map((member) => `${member.address} by ${member.driver}`).join(', ')
      return {
        brief: `group shared with ${holders.map((member) => member.address).join(', ')}`,
        reason: `IOMMU group ${group.group} is shared with devices that the host uses (${list})`,
        hint: `Bind ${holders.map((member) => member.address).join(', ')} to vfio-pci or to no driver, or move the device to a slot with a group of its own`,
      }
    },
  },
  {
    name: 'vfio-driver',
    code: 'WRONG_DRIVER',
    look: ({ device, vfio }) =>
      isVfioDriver(device.driver)
        ? undefined
        : {
            brief: device.driver === undefined ? 'not held by vfio-pci' : `held by ${device.driver}`,
            reason:
              device.driver === undefined
                ? 'no driver holds it, and it must be held by vfio-pci'
                : `the driver ${device.driver} holds it, and it must be held by vfio-pci`,
            hint: bindHint(device, vfio),
          },
  },
  {
    name: 'vfio-container',
    way: 'group',
    code: 'NO_VFIO',
    look: ({ vfio }) =>
      vfio.container === 'missing'
        ? {
            brief: 'no VFIO',
            reason: 'the kernel has no VFIO here (/dev/vfio/vfio is missing)',
            hint: 'Load it as root (modprobe vfio-pci); in a container, pass /dev/vfio in',
          }
        : undefined,
  },
  {
    name: 'group-node',
    way: 'group',
    code: 'NO_VFIO',
    look: ({ device, group, vfio, groupNode }) => {
      if (group === undefined || !isVfioDriver(device.driver) || groupNode !== 'missing') return undefined
      if (vfio.unsafeNoIommu) {
        return {
          brief: 'VFIO without IOMMU',
          reason: 'VFIO runs without an IOMMU (enable_unsafe_noiommu_mode), so nothing would confine its DMA',
          hint: noIommuHint,
        }
      }
      return {
        brief: 'VFIO group file missing',
        reason: `/dev/vfio/${group.group} is missing although vfio-pci holds the device`,
        hint: `In a container, pass /dev/vfio/${group.group} in; elsewhere, check that devtmpfs or udev runs`,
      }
    },
  },
  {
    name: 'permission',
    way: 'group',
    code: 'PERMISSION',
    look: ({ group, vfio, groupNode }) => {
      const denied = vfio.container === 'denied' ? 'vfio' : groupNode === 'denied' ? group?.group : undefined
      if (denied === undefined) return undefined
      return {
        brief: 'permission denied',
        reason: `this user may not open /dev/vfio/${denied}`,
        hint: `Run as root, or give yourself the file: sudo chown $USER /dev/vfio/${denied}`,
      }
    },
  },
  {
    name: 'iommufd',
    way: 'cdev',
    code: 'NO_VFIO',
    look: ({ vfio }) =>
      vfio.iommufd === 'missing'
        ? {
            brief: 'no iommufd',
            reason: 'the kernel has no iommufd here (/dev/iommu is missing)',
            hint: 'Load it as root (modprobe iommufd) if the kernel has it, or open the device by its group (backend group)',
          }
        : undefined,
  },
  {
    name: 'device-node',
    way: 'cdev',
    code: 'NO_VFIO',
    look: ({ device, vfio, deviceNode }) => {
      if (vfio.iommufd === 'missing' || !isVfioDriver(device.driver)) return undefined
      if (deviceNode !== undefined && deviceNode.access !== 'missing') return undefined
      return {
        brief: 'VFIO device file missing',
        reason:
          deviceNode === undefined
            ? 'the kernel makes no character device of it'
            : `${deviceNode.path} is missing although vfio-pci holds the device`,
        hint: 'In a container, pass /dev/vfio/devices in; elsewhere, open the device by its group (backend group)',
      }
    },
  },
  {
    name: 'permission',
    way: 'cdev',
    code: 'PERMISSION',
    look: ({ vfio, deviceNode }) => {
      const isDenied = deviceNode?.access === 'denied'
      const denied = vfio.iommufd === 'denied' ? '/dev/iommu' : isDenied ? deviceNode.path : undefined
      if (denied === undefined) return undefined
      return {
        brief: 'permission denied',
        reason: `this user may not open ${denied}`,
        hint: `Run as root, or give yourself the file: sudo chown $USER ${denied}`,
      }
    },
  },
]

/** Whether this user can open the function as a character device. */
export function isDeviceNodeUsable({ vfio, deviceNode }: AssignabilityFacts): boolean {
  return vfio.iommufd === 'granted' && deviceNode?.access === 'granted'
}

/** The way by which the function would be opened, where nobody chose one. */
function likelyWay(facts: AssignabilityFacts): Way {
  const { container, iommufd } = facts.vfio
  return isDeviceNodeUsable(facts) || (container === 'missing' && iommufd !== 'missing') ? 'cdev' : 'group'
}

/** Everything that keeps the function from being assigned, by the given way or else by any; empty where nothing does. */
export function findBlockers(facts: AssignabilityFacts, way = likelyWay(facts)): Blocker[] {
  return checks.flatMap((check) => {
    const finding = check.way === undefined || check.way === way ? check.look(facts) : undefined
    return finding === undefined ? [] : [{ check: check.name, code: check.code, ...finding }]
  })
}

/** The first blocker as an error, for callers that cannot go on. */
export function blockerError(action: string, address: string, blocker: Blocker): QuiesceError {
  return new QuiesceError(blocker.code, `Cannot ${action} ${address}: ${blocker.reason}`, {
    device: address,
    hint: blocker.hint,
  })
}
