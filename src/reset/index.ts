// The procedure without any maker of functions: no Node and no FFI, so that it runs wherever the simulator runs.
export { type KnownDevice, knownDevices } from './known-devices.js'
export { defaultPolicy, type ResetMethod, type ResetOrder, type ResetPolicy } from './policy.js'
export type { Attempt, PendingState, ResetReport, Step, Verdict, Verification } from './report.js'
export { type ResetOptions, resetFunction } from './reset-function.js'
export { type ResetResult, resetTogether, type TogetherOptions } from './reset-together.js'
export { takenAlong } from './taken-along.js'
