// What errno means in the answers to a reset, which are outcomes and not errors.
import type { KernelOutcome } from '../function/kernel-outcome.js'
import { describeErrno, errnoName } from '../linux/errno.js'

export type ResetRequest = 'reset' | 'hot-reset' | 'hot-reset-info' | 'unmap' | 'detach' | 'attach'

const meanings: Readonly<Record<ResetRequest, Readonly<Record<string, string>>>> = {
  reset: {
    EINVAL: 'the kernel knows no way to reset this device',
    ENOTTY: 'every reset method of the kernel declined or timed out',
    EAGAIN: 'another reset holds its lock',
  },
  'hot-reset': {
    EINVAL: 'a function that it would reset is not owned by this process',
    ENODEV: 'neither its bus nor its slot can be reset',
    ENOTTY: 'the bus declined, or did not come back in time',
    EAGAIN: 'another reset holds its lock',
    EBUSY: 'an access to a function on its bus holds a lock (EBUSY)',
  },
  'hot-reset-info': {
    ENODEV: 'neither its bus nor its slot can be reset',
    EPERM: 'a function that it would reset is in no IOMMU group',
  },
  unmap: {},
  detach: {},
  attach: { EBUSY: 'a device of its IOMMU group is being reset' },
}

/**
 * Contention that passes, under the name by which callers know it: try again. vfio_pci_dev_set_hot_reset answers EBUSY
 * where a function's memory_lock is taken, and pci_reset_bus EAGAIN where a device lock is. EBUSY is left to mean a reset
 * of our own that has not ended, which may never do so.
 */
const transient: Readonly<Partial<Record<ResetRequest, Readonly<Record<string, string>>>>> = {
  'hot-reset': { EBUSY: 'EAGAIN' },
}

/** A refusal as a value, in words. */
export function refusal(request: ResetRequest, errno: number): Extract<KernelOutcome, { ok: false }> {
  const name = errnoName(errno)
  return {
    ok: false,
    errno: transient[request]?.[name] ?? name,
    message: meanings[request][name] ?? describeErrno(errno),
  }
}

/** A device that is being reset cannot be attached: not left to the kernel, which would make the caller wait. */
export const attachedLater: Extract<KernelOutcome, { ok: false }> = {
  ok: false,
  errno: 'EBUSY',
  message: 'a hot reset of its bus has not ended',
}
