// The library: everything that a program needs to take a device back clean.
export { type ErrorCode, QuiesceError } from './errors/quiesce-error.js'
export * from './function/index.js'
export { type KnownDevice, knownDevices } from './reset/known-devices.js'
export { defaultPolicy, type ResetMethod, type ResetOrder, type ResetPolicy } from './reset/policy.js'
export type { Attempt, PendingState, ResetReport, Step, Verdict, Verification } from './reset/report.js'
export { type ResetOptions, resetFunction } from './reset/reset-function.js'
export { openVfioFunction } from './vfio/open-vfio-function.js'
export { VfioOwnership, type VfioOwnershipOptions } from './vfio/vfio-ownership.js'
