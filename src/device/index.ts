export { AssignedDevice, type AssignedDeviceOptions } from './assigned-device.js'
export type { DeviceEvent, ReportedDeviceEvent } from './device-event.js'
export { type DevicePolicy, defaultDevicePolicy, type HiddenCapabilities } from './device-policy.js'
export type { Phase } from './device-state.js'
export type { DeviceInspection, InspectedBar, InspectedVector } from './inspect-device.js'
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
