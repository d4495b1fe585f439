import { type ErrorCode, QuiesceError } from '../errors/quiesce-error.js'
import { errnoName } from '../linux/errno.js'
import type { TransferResult } from '../linux/positioned-io.js'
import { systemCallError } from '../linux/system-call-error.js'

const hints: Readonly<Record<string, string>> = {
  EIO: 'Memory Space Enable may be off, or the device not in D0',
}

/** The error of an access to a device's file that failed, or stopped half-way. */
export function transferError(
  code: ErrorCode,
  address: string,
  action: string,
  syscall: string,
  wanted: number,
  result: Extract<TransferResult, { ok: false }>,
): QuiesceError {
  const what = `${action} of ${address}`
  if (result.errno === undefined) {
    const detail = `${syscall} transferred ${result.transferred} of ${wanted} bytes`
    return new QuiesceError(code, `Cannot ${what}: ${detail}`, { device: address, syscall })
  }
  const hint = hints[errnoName(result.errno)]
  return systemCallError(
    { action: what, syscall, errno: result.errno },
    { device: address, code, ...(hint === undefined ? {} : { hint }) },
  )
}
