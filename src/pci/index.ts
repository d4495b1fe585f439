// The PCI and PCI Express specifications as data, and what reads them: `quiesce/pci`. Pure: it runs anywhere.
export { type Bar, type BarSizes, barSize, decodeBars } from './bar.js'
export { BridgeControl } from './bridge-control.js'
export { type BridgeWindow, decodeBridgeWindows } from './bridge-windows.js'
export type { CapabilityDefinition, CapabilityView } from './capabilities/capability-definition.js'
export { extendedCapabilities, standardCapabilities } from './capabilities/capability-table.js'
export { capabilityId, extendedCapabilityId } from './capability-ids.js'
export {
  type CapabilityEntry,
  type CapabilityWalk,
  findCapability,
  findExtendedCapability,
  walkCapabilities,
  walkExtendedCapabilities,
} from './capability-walk.js'
export { Command } from './command.js'
export { configBytes } from './config-bytes.js'
export type { ConfigReader } from './config-reader.js'
export { decodeConfigSpace } from './decode-config-space.js'
export type {
  DecodedBar,
  DecodedBridge,
  DecodedCapabilities,
  DecodedCapability,
  DecodedConfigSpace,
  DecodedHeader,
  DecodedRegister,
} from './decoded-config-space.js'
export { bridgeOffset, cardbusOffset, HeaderType, headerLayout, headerOffset } from './header.js'
export { formatLspci, type LspciOptions } from './lspci/format-lspci.js'
export type { SystemResource, SystemView } from './lspci/lspci-device.js'
export { className, deviceName, noNames, type PciNames, programmingInterfaceName, subsystemName } from './names.js'
export { type DumpedDevice, parseHexdump } from './parse-hexdump.js'
export { type PciIdsText, parsePciIds } from './pci-ids.js'
export { SecondaryStatus, Status } from './status.js'
