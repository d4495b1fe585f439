// The one error class that Quiesce throws on purpose. Hardware outcomes are values, not errors: what is thrown is
// misuse, or a call to the system that failed.

/** Stable codes: programs compare these, never messages. */
export type ErrorCode =
  | 'USAGE' //            wrong arguments of a command or a call
  | 'NO_DEVICE' //        no such device on this machine, or none that matches
  | 'NO_IOMMU' //         the device is in no IOMMU group: no IOMMU, or it is switched off
  | 'NO_VFIO' //          the kernel's VFIO is not there
  | 'WRONG_DRIVER' //     bound to a driver other than vfio-pci, or to none
  | 'GROUP_NOT_VIABLE' // a sibling in the IOMMU group is held by a host driver
  | 'BUSY' //             another process owns the group or the device
  | 'PERMISSION' //       the files are there, but not for this user
  | 'MEMLOCK' //          RLIMIT_MEMLOCK is too small for the memory to be pinned
  | 'DMA_CONFLICT' //     the IOVA range overlaps a mapping, or is not aligned
  | 'DMA_ACCESS' //       memory that the device may not reach
  | 'CONFIG_ACCESS' //    a config-space access failed, or was out of range
  | 'REGION_ACCESS' //    a BAR access failed, or was out of range
  | 'UNSUPPORTED' //      this kernel or this device cannot do that
  | 'PROTOCOL' //         the other side of a socket broke the protocol, or did not answer
  | 'CLOSED' //           used after it was closed
  | 'SYSTEM' //           a system call failed in a way that has no code of its own

export interface ErrorDetails {
  /** The device concerned, in full form. */
  readonly device?: string
  /** The system call that failed, e.g. `ioctl(VFIO_DEVICE_RESET)`. */
  readonly syscall?: string
  /** The errno of that call, as a number. */
  readonly errno?: number
  /** Its symbolic name, e.g. `EBUSY`. */
  readonly errnoName?: string
  /** What the reader can do about it, in one sentence. */
  readonly hint?: string
  readonly cause?: unknown
}

/** What Quiesce throws: `message` says what could not be done and why, `hint` what to do about it. */
export class QuiesceError extends Error {
  override readonly name = 'QuiesceError'
  readonly code: ErrorCode
  readonly device: string | undefined
  readonly syscall: string | undefined
  readonly errno: number | undefined
  readonly errnoName: string | undefined
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.device = details.device
    this.syscall = details.syscall
    this.errno = details.errno
    this.errnoName = details.errnoName
    this.hint = details.hint
  }
}
