// What errno means in the answers to a reset, which are outcomes and not errors.
import type { KernelOutcome } from '../function/kernel-outcome.js'
import { describeErrno, errnoName } from '../linux/errno.js'

export type ResetRequest = 'reset' | 'hot-reset' | 'hot-reset-info' | 'unmap'

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
    EBUSY: 'another reset holds its lock',
  },
  'hot-reset-info': {
    ENODEV: 'neither its bus nor its slot can be reset',
    EPERM: 'a function that it would reset is in no IOMMU group',
  },
  unmap: {},
}

/** A refusal as a value, in words. */
export function refusal(request: ResetRequest, errno: number): Extract<KernelOutcome, { ok: false }> {
  const name = errnoName(errno)
  return { ok: false, errno: name, message: meanings[request][name] ?? describeErrno(errno) }
}
