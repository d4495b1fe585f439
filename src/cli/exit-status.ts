// What the program tells its caller by its exit status. The numbers from 64 on are those of sysexits.h.
import type { ErrorCode } from '../errors/quiesce-error.js'
import type { Verdict } from '../reset/report.js'

export const exitStatus = {
  done: 0,
  failed: 1,
  quiesced: 10,
  contained: 11,
  lost: 12,
  usage: 64,
  unavailable: 69,
  busy: 73,
  permission: 77,
} as const

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus]

export const statusOfVerdict: Readonly<Record<Verdict, ExitStatus>> = {
  clean: exitStatus.done,
  quiesced: exitStatus.quiesced,
  contained: exitStatus.contained,
  lost: exitStatus.lost,
}

export const statusOfError: Readonly<Record<ErrorCode, ExitStatus>> = {
  USAGE: exitStatus.usage,
  NO_DEVICE: exitStatus.unavailable,
  NO_IOMMU: exitStatus.unavailable,
  NO_VFIO: exitStatus.unavailable,
  UNSUPPORTED: exitStatus.unavailable,
  WRONG_DRIVER: exitStatus.busy,
  GROUP_NOT_VIABLE: exitStatus.busy,
  BUSY: exitStatus.busy,
  PERMISSION: exitStatus.permission,
  MEMLOCK: exitStatus.permission,
  DMA_CONFLICT: exitStatus.failed,
  DMA_ACCESS: exitStatus.failed,
  CONFIG_ACCESS: exitStatus.failed,
  REGION_ACCESS: exitStatus.failed,
  PROTOCOL: exitStatus.failed,
  CLOSED: exitStatus.failed,
  SYSTEM: exitStatus.failed,
}

const settled: readonly ExitStatus[] = [exitStatus.done, exitStatus.quiesced, exitStatus.contained]

/** A failure says nothing of the device, which is worse than every verdict but `lost`. */
function badness(status: ExitStatus): number {
  if (status === exitStatus.lost) return settled.length + 1
  const index = settled.indexOf(status)
  return index < 0 ? settled.length : index
}

/** The worst of several statuses; of failures, the first. */
export function worstOf(statuses: readonly ExitStatus[]): ExitStatus {
  return statuses.reduce<ExitStatus>(
    (worst, status) => (badness(status) > badness(worst) ? status : worst),
    exitStatus.done,
  )
}

/** The status of several verdicts: that of the worst. */
export function worstStatus(verdicts: readonly Verdict[]): ExitStatus {
  return worstOf(verdicts.map((verdict) => statusOfVerdict[verdict]))
}
