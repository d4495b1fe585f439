// vfio-user, both ways: a device for any VMM that speaks it, and somebody else's device for us. Needs Linux, Node and the FFI.
export { passedListeners, UnixListener } from '../linux/unix-listener.js'
export { adoptSocket, type PeerCredentials, UnixSocket } from '../linux/unix-socket.js'
export { openVfioUserFunction, type VfioUserFunction } from './client/vfio-user-function.js'
export type { ClientGate } from './server/client-gate.js'
export { DeviceGroup } from './server/device-group.js'
export { DeviceServer, type DeviceServerOptions } from './server/device-server.js'
export {
  type DeviceMaker,
  DeviceThread,
  type DeviceThreadOptions,
  type MadeDevice,
  type MadeDevices,
  type ServedAt,
  type ThreadEventListener,
} from './server/device-thread.js'
export { PhysicalDevice, type PhysicalDeviceOptions } from './server/physical-device.js'
export { type OpenedDevices, ReopenedDevices, type ReopenedDevicesOptions } from './server/reopened-devices.js'
export type {
  ClientMapping,
  ClientMemory,
  DeviceMigration,
  RegionEventfd,
  ServedClient,
  ServedDevice,
  ServedRegion,
} from './server/served-device.js'
export type { ServerEvent, ServerEventListener } from './server/server-event.js'
