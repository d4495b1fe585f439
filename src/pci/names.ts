// Names of vendors, devices and classes, and how lspci puts them into words.

/** Where names come from; every lookup may fail. */
export interface PciNames {
  vendor(vendorId: number): string | undefined
  device(vendorId: number, deviceId: number): string | undefined
  subsystem(vendorId: number, deviceId: number, subsystemVendorId: number, subsystemId: number): string | undefined
  baseClass(base: number): string | undefined
  subclass(base: number, sub: number): string | undefined
  programmingInterface(base: number, sub: number, progIf: number): string | undefined
}

/** Knows nothing: every device goes by its numbers. */
export const noNames: PciNames = {
  vendor: () => undefined,
  device: () => undefined,
  subsystem: () => undefined,
  baseClass: () => undefined,
  subclass: () => undefined,
  programmingInterface: () => undefined,
}

function digits(value: number, count = 4): string {
  return value.toString(16).padStart(count, '0')
}

function pair(vendor: string | undefined, device: string | undefined, vendorId: number, deviceId: number): string {
  if (vendor === undefined) return `Device ${digits(vendorId)}:${digits(deviceId)}`
  return device === undefined ? `${vendor} Device ${digits(deviceId)}` : `${vendor} ${device}`
}

/** `Intel Corporation 82574L Gigabit Network Connection`, or as much of it as is known. */
export function deviceName(names: PciNames, vendorId: number, deviceId: number): string {
  return pair(names.vendor(vendorId), names.device(vendorId, deviceId), vendorId, deviceId)
}

/** A subsystem is named below its device, or as the device that has the same ids. */
export function subsystemName(
  names: PciNames,
  vendorId: number,
  deviceId: number,
  subsystemVendorId: number,
  subsystemId: number,
): string {
  const isDevice = vendorId === subsystemVendorId && deviceId === subsystemId
  const name =
    names.subsystem(vendorId, deviceId, subsystemVendorId, subsystemId) ??
    (isDevice ? names.device(vendorId, deviceId) : undefined)
  return pair(names.vendor(subsystemVendorId), name, subsystemVendorId, subsystemId)
}

/** By base class and subclass: `Ethernet controller`. */
export function className(names: PciNames, base: number, sub: number): string {
  const code = digits(base, 2) + digits(sub, 2)
  const subclass = names.subclass(base, sub)
  if (subclass !== undefined) return subclass
  const name = names.baseClass(base)
  return name === undefined ? `Class ${code}` : `${name} [${code}]`
}

/** The native and legacy modes of an IDE controller's two channels (PCI IDE Controller 1.0 section 2.1). */
const ideModes = [
  [0x80, 'Master'],
  [0x08, 'SecP'],
  [0x04, 'SecO'],
  [0x02, 'PriP'],
  [0x01, 'PriO'],
] as const

/** What the programming interface means, where that is known. */
export function programmingInterfaceName(
  names: PciNames,
  base: number,
  sub: number,
  progIf: number,
): string | undefined {
  const name = names.programmingInterface(base, sub, progIf)
  if (name !== undefined) return name
  if (base !== 0x01 || sub !== 0x01 || (progIf & 0x70) !== 0) return undefined
  return ideModes
    .filter(([bit]) => (progIf & bit) !== 0)
    .map(([, mode]) => mode)
    .join(' ')
}
