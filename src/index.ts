// The library: everything that a program needs to take a device back clean.
export * from './device/index.js'
export { type ErrorCode, QuiesceError } from './errors/quiesce-error.js'
export * from './function/index.js'
export * from './reset/index.js'
export type { AdoptedFiles } from './vfio/device-opener.js'
export { openVfioFunction } from './vfio/open-vfio-function.js'
export {
  type OpenOptions,
  type VfioBackend,
  VfioOwnership,
  type VfioOwnershipOptions,
} from './vfio/vfio-ownership.js'
