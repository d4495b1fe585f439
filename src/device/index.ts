export { AssignedDevice, type AssignedDeviceOptions, type Companion } from './assigned-device.js'
export type { DeviceEvent, ReportedDeviceEvent, ResetCause } from './device-event.js'
export { type DevicePolicy, defaultDevicePolicy, type HiddenCapabilities } from './device-policy.js'
export type { Phase } from './device-state.js'
export type { DeviceInspection, InspectedBar, InspectedRange, InspectedVector } from './inspect-device.js'
export { type DeviceResetResult, resetAssignedDevices } from './reset-assigned-devices.js'
export type {
  AccessHandler,
  AddressSpace,
  FileRange,
  GuestInterrupts,
  GuestMemory,
  GuestMemoryRange,
  LineRoute,
  MessageRoute,
  MsiMessage,
  Vmm,
} from './vmm.js'
