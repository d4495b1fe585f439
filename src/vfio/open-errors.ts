// What the kernel's refusals mean while a device is being opened, and what to do about them.
import { type ErrorCode, QuiesceError } from '../errors/quiesce-error.js'
import { errnoName } from '../linux/errno.js'
import { FileDescriptor } from '../linux/file-descriptor.js'
import { systemCallError } from '../linux/system-call-error.js'

export type OpenStep =
  | 'open-container'
  | 'open-group'
  | 'set-container'
  | 'set-iommu'
  | 'get-device'
  | 'get-device-with-token'
  | 'open-iommufd'
  | 'open-device'
  | 'bind'
  | 'bind-with-token'
  | 'attach'

interface Meaning {
  readonly code: ErrorCode
  readonly hint: string
}

const noVfio: Meaning = {
  code: 'NO_VFIO',
  hint: 'Load it as root (modprobe vfio-pci); in a container, pass /dev/vfio in',
}
const notThisUser: Meaning = {
  code: 'PERMISSION',
  hint: 'Run as root, or give yourself the group file under /dev/vfio (sudo chown $USER)',
}
const busy: Meaning = {
  code: 'BUSY',
  hint: 'Find who has it open (sudo fuser -v /dev/vfio/*) and end that first; one process owns all of a group',
}

const noIommufd: Meaning = {
  code: 'NO_VFIO',
  hint: 'Load it as root (modprobe iommufd) if the kernel has it, or open the device by its group (backend group)',
}
const token: Meaning = {
  code: 'PERMISSION',
  hint: 'A virtual function of a physical function that vfio-pci holds needs the VF token which was set there, and so does that one while they are in use',
}
const needsNoToken: Meaning = {
  code: 'USAGE',
  hint: 'Leave the VF token out: the device needs none, or the kernel takes none here (by character device before 6.17)',
}
const resetOnItsBus: Meaning = { code: 'BUSY', hint: 'Another reset on its bus did not end; try again' }

const getDevice: Readonly<Record<string, Meaning>> = {
  EBUSY: busy,
  ENODEV: { code: 'WRONG_DRIVER', hint: 'Bind the device to vfio-pci; it lost that driver meanwhile' },
  EACCES: token,
  EAGAIN: resetOnItsBus,
}
const bind: Readonly<Record<string, Meaning>> = {
  // vfio_device_block_group, or iommu_device_claim_dma_owner.
  EBUSY: {
    code: 'BUSY',
    hint: 'Its group is open (sudo fuser -v /dev/vfio/*), or a device of the group is with a driver of the host',
  },
  // iommufd_device_bind: another iommufd has a device of the group (iommu_device_claim_dma_owner), or there is no interrupt
  // remapping, so a device could forge interrupts.
  EPERM: {
    code: 'NO_IOMMU',
    hint: 'Somebody else has a device of its IOMMU group (sudo fuser -v /dev/vfio/devices/*), or the IOMMU does not isolate interrupts: switch interrupt remapping on in the firmware',
  },
  // vfio_df_device_first_open: a character device is opened once.
  EINVAL: {
    code: 'BUSY',
    hint: 'Find who has it open (sudo fuser -v /dev/vfio/devices/*) and end that first',
  },
  ENODEV: { code: 'WRONG_DRIVER', hint: 'Bind the device to vfio-pci; it lost that driver meanwhile' },
  EACCES: token,
  EAGAIN: resetOnItsBus,
}

const meanings: Readonly<Record<OpenStep, Readonly<Record<string, Meaning>>>> = {
  'open-container': { ENOENT: noVfio, ENODEV: noVfio, ENXIO: noVfio, EACCES: notThisUser, EPERM: notThisUser },
  'open-group': {
    EBUSY: busy,
    ENOENT: { code: 'NO_VFIO', hint: 'In a container, pass the group file under /dev/vfio in' },
    ENODEV: { code: 'WRONG_DRIVER', hint: 'Bind the device to vfio-pci; it lost that driver meanwhile' },
    EACCES: notThisUser,
    EPERM: {
      code: 'PERMISSION',
      hint: 'A group without an IOMMU needs CAP_SYS_RAWIO; switch the IOMMU on instead',
    },
  },
  'set-container': {
    EBUSY: busy,
    EPERM: { code: 'GROUP_NOT_VIABLE', hint: 'Bind every device of the group to vfio-pci or to no driver' },
  },
  'set-iommu': {
    // vfio_iommu_type1_attach_group: no interrupt remapping, so a device could forge interrupts.
    EPERM: {
      code: 'NO_IOMMU',
      hint: 'The IOMMU does not isolate interrupts. Switch interrupt remapping on in the firmware; to accept the risk, load vfio_iommu_type1 with allow_unsafe_interrupts=1',
    },
    ENODEV: { code: 'NO_IOMMU', hint: 'Load the driver (modprobe vfio_iommu_type1) and check that the IOMMU is on' },
    EBUSY: busy,
  },
  'get-device': getDevice,
  'get-device-with-token': { ...getDevice, EINVAL: needsNoToken },
  'open-iommufd': {
    ENOENT: noIommufd,
    ENODEV: noIommufd,
    EACCES: { code: 'PERMISSION', hint: 'Run as root, or give yourself the file (sudo chown $USER /dev/iommu)' },
  },
  'open-device': {
    ENOENT: { code: 'NO_VFIO', hint: 'In a container, pass the file under /dev/vfio/devices in' },
    ENODEV: { code: 'WRONG_DRIVER', hint: 'Bind the device to vfio-pci; it lost that driver meanwhile' },
    EACCES: {
      code: 'PERMISSION',
      hint: 'Run as root, or give yourself the file under /dev/vfio/devices (sudo chown $USER)',
    },
  },
  bind,
  'bind-with-token': { ...bind, EINVAL: needsNoToken },
  attach: {
    EBUSY: { code: 'BUSY', hint: 'A reset of a device in its group did not end; try again' },
    EINVAL: { code: 'UNSUPPORTED', hint: 'Open it by its group instead (backend group)' },
  },
}

/** The error for a failed step of opening `address`. */
export function openError(address: string, step: OpenStep, syscall: string, errno: number): QuiesceError {
  const meaning = meanings[step][errnoName(errno)]
  return systemCallError({ action: `open ${address}`, syscall, errno }, { device: address, ...meaning })
}

/** Opens one of the kernel's files on the way to `address`. */
export function openFile(address: string, step: OpenStep, path: string): FileDescriptor {
  try {
    return FileDescriptor.open(path)
  } catch (error) {
    if (error instanceof QuiesceError && error.errno !== undefined)
      throw openError(address, step, `open(${path})`, error.errno)
    throw error
  }
}
