// What the kernel's refusals mean while a device is being opened, and what to do about them.
import type { ErrorCode, QuiesceError } from '../errors/quiesce-error.js'
import { errnoName } from '../linux/errno.js'
import { systemCallError } from '../linux/system-call-error.js'

export type OpenStep = 'open-container' | 'open-group' | 'set-container' | 'set-iommu' | 'get-device'

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
  'get-device': {
    EBUSY: busy,
    ENODEV: { code: 'WRONG_DRIVER', hint: 'Bind the device to vfio-pci; it lost that driver meanwhile' },
    EACCES: { code: 'PERMISSION', hint: 'A virtual function of a PF that vfio-pci holds needs its VF token' },
    EAGAIN: { code: 'BUSY', hint: 'Another reset on its bus did not end; try again' },
  },
}

/** The error for a failed step of opening `address`. */
export function openError(address: string, step: OpenStep, syscall: string, errno: number): QuiesceError {
  const meaning = meanings[step][errnoName(errno)]
  return systemCallError({ action: `open ${address}`, syscall, errno }, { device: address, ...meaning })
}
