// In the guest: which driver has a device, and giving it to another.
import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'

const pci = '/sys/bus/pci'

/** The folder of a function in sysfs. */
export const sysfsFolder = (address: string) => `${pci}/devices/${address}`

/** The driver that a device is bound to, if any. */
export function driverOf(address: string): string | undefined {
  return linkName(`${sysfsFolder(address)}/driver`)
}

/** The number of a device's IOMMU group, if it is in one. */
export function iommuGroupOf(address: string): string | undefined {
  return linkName(`${sysfsFolder(address)}/iommu_group`)
}

/** Gives a device to `driver` by its driver_override (Documentation/ABI/testing/sysfs-bus-pci). */
export function bindTo(driver: string, address: string): void {
  writeFileSync(`${sysfsFolder(address)}/driver_override`, driver)
  unbind(address)
  writeFileSync(`${pci}/drivers_probe`, address)
  const bound = driverOf(address)
  if (bound !== driver)
    throw new Error(`Cannot bind ${address}: it is with ${bound ?? 'no driver'}, not with ${driver}`)
}

/** Gives devices to vfio-pci. */
export function bindToVfio(...addresses: string[]): void {
  for (const address of addresses) bindTo('vfio-pci', address)
}

/** Takes a device from its driver, if it has one. */
export function unbind(address: string): void {
  const driver = `${sysfsFolder(address)}/driver`
  if (existsSync(driver)) writeFileSync(`${driver}/unbind`, address)
}

/** The reset methods that the kernel would try, in order; writing sets them ("\n": none, "default": the kernel's own). */
export function resetMethods(address: string): string[] {
  const path = `${sysfsFolder(address)}/reset_method`
  return existsSync(path)
    ? readFileSync(path, 'utf8')
        .trim()
        .split(/\s+/)
        .filter((name) => name !== '')
    : []
}

export function setResetMethods(address: string, methods: string): void {
  writeFileSync(`${sysfsFolder(address)}/reset_method`, methods)
}

/** Lets a device with SR-IOV create its virtual functions, and returns their addresses. */
export function createVirtualFunctions(address: string, count: number): string[] {
  // pci-pf-stub does nothing but this, so the physical function stays out of the way.
  bindTo('pci-pf-stub', address)
  writeFileSync(`${sysfsFolder(address)}/sriov_numvfs`, String(count))
  return Array.from({ length: count }, (_, index) => basename(readlinkSync(`${sysfsFolder(address)}/virtfn${index}`)))
}

function linkName(path: string): string | undefined {
  return existsSync(path) ? basename(readlinkSync(path)) : undefined
}
