// One PCI function as sysfs describes it. `readPciSummary` reads three files, which is what a list of hundreds of
// functions needs; `readPciDevice` reads the rest.
import { readFileSync, realpathSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { normalizeAddress } from './pci-address.js'
import { type PciResource, parseResources } from './pci-resource.js'
import { pciDevicePath, readAttribute, readLinkName, readNames } from './sysfs-attribute.js'

export interface PciSummary {
  /** Full form: `0000:03:00.0`. */
  readonly address: string
  readonly vendorId: number
  readonly deviceId: number
  /** 24 bits: base class, sub-class, programming interface. */
  readonly classCode: number
  readonly driver: string | undefined
  readonly iommuGroup: string | undefined
  /** The kernel's reset methods in the order it tries them; `undefined` where the function has none. */
  readonly resetMethods: readonly string[] | undefined
}

export interface PciDevice extends PciSummary {
  readonly revision: number | undefined
  readonly subsystemVendorId: number | undefined
  readonly subsystemDeviceId: number | undefined
  /** The driver that alone may be bound to it, where one was set. */
  readonly driverOverride: string | undefined
  /** `undefined` where the machine has only one node. */
  readonly numaNode: number | undefined
  /** `D0`, `D3hot`, ..., as the kernel believes; `unknown` where it does not know. */
  readonly powerState: string | undefined
  /** On a virtual function: the function that it belongs to. */
  readonly physicalFunction: string | undefined
  /** On an SR-IOV physical function: its virtual functions that exist now, in order. */
  readonly virtualFunctions: readonly string[]
  /** How many virtual functions it could have; `undefined` without SR-IOV. */
  readonly totalVirtualFunctions: number | undefined
  /** The line of its legacy interrupt, or of its first MSI vector; `undefined` where it has none. */
  readonly irq: number | undefined
  /** The slot that firmware or a hotplug driver gave a name. */
  readonly physicalSlot: string | undefined
  /** The bridge or root port above it; `undefined` on a root bus. */
  readonly parentBridge: string | undefined
  readonly resources: readonly PciResource[]
}

function hexAttribute(path: string): number | undefined {
  const text = readAttribute(path)
  return text !== undefined && /^0x[0-9a-f]+$/i.test(text) ? Number(text) : undefined
}

/** `driver_override` prints `(null)` where none is set. */
function overrideAttribute(path: string): string | undefined {
  const text = readAttribute(path)
  return text === undefined || text === '' || text === '(null)' ? undefined : text
}

/** Ids, class and driver all stand in `uevent`: one file instead of five. */
function readUevent(path: string): Map<string, string> | undefined {
  const text = readAttribute(path)
  if (text === undefined) return undefined
  return new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, at), line.slice(at + 1)] as const
    }),
  )
}

/** What a list needs of a function; `undefined` if there is none at that address. */
export function readPciSummary(sysfsRoot: string, address: string): PciSummary | undefined {
  const path = pciDevicePath(sysfsRoot, address)
  const uevent = readUevent(`${path}/uevent`)
  const [vendor, device] = uevent?.get('PCI_ID')?.split(':') ?? []
  if (uevent === undefined || vendor === undefined || device === undefined) return undefined
  const methods = readAttribute(`${path}/reset_method`)
  return {
    address,
    vendorId: Number.parseInt(vendor, 16),
    deviceId: Number.parseInt(device, 16),
    classCode: Number.parseInt(uevent.get('PCI_CLASS') ?? '0', 16),
    driver: uevent.get('DRIVER'),
    iommuGroup: readLinkName(`${path}/iommu_group`),
    resetMethods: methods?.split(/\s+/).filter((method) => method !== ''),
  }
}

/** Everything that sysfs says of a function; `undefined` if there is none at that address. */
export function readPciDevice(sysfsRoot: string, address: string): PciDevice | undefined {
  const summary = readPciSummary(sysfsRoot, address)
  if (summary === undefined) return undefined
  const path = pciDevicePath(sysfsRoot, address)
  const numaNode = Number(readAttribute(`${path}/numa_node`) ?? '-1')
  const totalVfs = readAttribute(`${path}/sriov_totalvfs`)
  return {
    ...summary,
    revision: hexAttribute(`${path}/revision`),
    subsystemVendorId: hexAttribute(`${path}/subsystem_vendor`),
    subsystemDeviceId: hexAttribute(`${path}/subsystem_device`),
    driverOverride: overrideAttribute(`${path}/driver_override`),
    numaNode: Number.isInteger(numaNode) && numaNode >= 0 ? numaNode : undefined,
    powerState: readAttribute(`${path}/power_state`),
    physicalFunction: readLinkName(`${path}/physfn`),
    virtualFunctions: readVirtualFunctions(path),
    totalVirtualFunctions: totalVfs === undefined ? undefined : Number(totalVfs),
    irq: Number(readAttribute(`${path}/irq`) ?? '0') || undefined,
    physicalSlot: readPhysicalSlot(sysfsRoot, address),
    parentBridge: readParent(path),
    resources: parseResources(readAttribute(`${path}/resource`) ?? ''),
  }
}

function readVirtualFunctions(path: string): string[] {
  return readNames(path)
    .filter((name) => /^virtfn\d+$/.test(name))
    .sort((a, b) => Number(a.slice(6)) - Number(b.slice(6)))
    .flatMap((name) => readLinkName(`${path}/${name}`) ?? [])
}

/** A slot's address is that of a device without its function, or with it where the slot holds but one. */
function readPhysicalSlot(sysfsRoot: string, address: string): string | undefined {
  const slots = `${sysfsRoot}/bus/pci/slots`
  return readNames(slots).find((name) => {
    const slot = readAttribute(`${slots}/${name}/address`)
    return slot !== undefined && (slot === address || slot === address.slice(0, -2))
  })
}

/** A device's directory lies inside that of the bridge above it. */
function readParent(path: string): string | undefined {
  try {
    return normalizeAddress(basename(dirname(realpathSync(path))))
  } catch {
    return undefined
  }
}

/**
 * The function's configuration space as the kernel gives it to this user: 64 bytes without privileges, 256 or 4096
 * with. `undefined` if it cannot be read at all.
 */
export function readConfigBytes(sysfsRoot: string, address: string): Uint8Array | undefined {
  try {
    return new Uint8Array(readFileSync(`${pciDevicePath(sysfsRoot, address)}/config`))
  } catch {
    return undefined
  }
}
