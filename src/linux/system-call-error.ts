import { type ErrorCode, type ErrorDetails, QuiesceError } from '../errors/quiesce-error.js'
import { describeErrno, errnoName } from './errno.js'

export interface FailedCall {
  /** What the caller was about to do: completes "Cannot ...". */
  readonly action: string
  /** E.g. `ioctl(VFIO_DEVICE_RESET)`. */
  readonly syscall: string
  readonly errno: number
}

const codeByErrno: Readonly<Record<string, ErrorCode>> = { EPERM: 'PERMISSION', EACCES: 'PERMISSION', EBUSY: 'BUSY' }

/** What a failed system call becomes where the caller has no better explanation. */
export function systemCallError(
  failed: FailedCall,
  details: Pick<ErrorDetails, 'device' | 'hint'> & { readonly code?: ErrorCode } = {},
): QuiesceError {
  const name = errnoName(failed.errno)
  const { code = codeByErrno[name] ?? 'SYSTEM', ...rest } = details
  const message = `Cannot ${failed.action}: ${failed.syscall} failed with ${name} (${describeErrno(failed.errno)})`
  return new QuiesceError(code, message, { ...rest, syscall: failed.syscall, errno: failed.errno, errnoName: name })
}
