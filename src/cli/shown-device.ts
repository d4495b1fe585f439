// What `show` knows of a device: its configuration space as the hardware has it, as the guest would see it, or both.
import { QuiesceError } from '../errors/quiesce-error.js'
import { type Blocker, blockerError, findBlockers } from '../host/assignability.js'
import { readAssignabilityFacts } from '../host/assignability-facts.js'
import { parseDeviceReference, resolveAddress } from '../host/device-reference.js'
import { type IommuGroup, readIommuGroup } from '../host/iommu-group.js'
import { type PciDevice, readConfigBytes, readPciDevice } from '../host/pci-device.js'
import { readVfioAvailability } from '../host/vfio-availability.js'
import type { ConfigReader } from '../pci/config-reader.js'
import { decodeConfigSpace } from '../pci/decode-config-space.js'
import type { DecodedConfigSpace } from '../pci/decoded-config-space.js'
import type { Backend } from './common-options.js'
import type { HostRoots } from './host-roots.js'
import { openSimulated, simulatedAddress } from './simulated-device.js'

export interface ShownDevice {
  readonly device: string
  readonly source: 'sysfs' | 'dump' | 'sim'
  /** What sysfs says beside the configuration space. */
  readonly host?: {
    readonly device: PciDevice
    readonly group: IommuGroup | undefined
    readonly blockers: readonly Blocker[]
  }
  readonly hardware: DecodedConfigSpace
  /** The bytes behind `hardware`, for the formats that start from them. */
  readonly bytes: Uint8Array
  readonly guest?: DecodedConfigSpace
  /** Why there is no guest's view. */
  readonly guestMissing?: string
}

/**
 * `guestBackend` says how the device is opened for the guest's view; without it there is none.
 * @throws QuiesceError if the device is not there, or its configuration space cannot be read
 */
export async function readShown(text: string, roots: HostRoots, guestBackend?: Backend): Promise<ShownDevice> {
  const reference = parseDeviceReference(text)
  if (reference.kind === 'sim') return showSimulated(await simulatedAddress(reference.model))
  const address = resolveAddress(reference, roots.sysfs)
  const device = readPciDevice(roots.sysfs, address)
  const bytes = readConfigBytes(roots.sysfs, address)
  if (device === undefined || bytes === undefined) {
    throw new QuiesceError('CONFIG_ACCESS', `Cannot read the configuration space of ${address}`, {
      device: address,
      hint: 'The device may have just gone; see quiesce list --all',
    })
  }
  const vfio = readVfioAvailability(roots.sysfs, roots.dev)
  const blockers = findBlockers(readAssignabilityFacts(device, vfio, roots.sysfs, roots.dev))
  const sizes: bigint[] = []
  for (const { index, size } of device.resources) sizes[index] = size
  const hardware = decodeConfigSpace(bytes, sizes)
  const host = { device, group: readIommuGroup(roots.sysfs, address), blockers }
  const shown = { device: address, source: 'sysfs', host, hardware, bytes } as const
  if (guestBackend === undefined)
    return { ...shown, guestMissing: 'not read: add --guest, which opens the device and so resets it' }
  const [first] = blockers
  if (first !== undefined) throw blockerError('open', address, first)
  if (!roots.isThisMachine) {
    throw new QuiesceError('USAGE', `Cannot open ${address}: below --sysroot it is not of this machine`, {
      device: address,
      hint: 'Leave --guest or --sysroot out',
    })
  }
  return { ...shown, guest: await readGuestView(address, guestBackend) }
}

async function readGuestView(address: string, backend: Backend): Promise<DecodedConfigSpace> {
  const { VfioOwnership } = await import('../vfio/vfio-ownership.js')
  await using fn = await new VfioOwnership({ backend }).open(address)
  return decodeConfigSpace(fn.config)
}

async function showSimulated(address: string): Promise<ShownDevice> {
  using fn = await openSimulated(address)
  const { hardware } = fn
  const reader: ConfigReader = {
    size: fn.config.size,
    read: (offset, width) => hardware.readConfig(offset, width),
  }
  const bytes = Uint8Array.from({ length: reader.size }, (_, offset) => reader.read(offset, 1))
  const sizes: bigint[] = []
  for (const bar of hardware.declaration.bars) sizes[bar.index] = BigInt(bar.size)
  return {
    device: fn.address,
    source: 'sim',
    hardware: decodeConfigSpace(reader, sizes),
    bytes,
    guest: decodeConfigSpace(fn.config),
  }
}

export function shownToJson(shown: ShownDevice): Record<string, unknown> {
  const { device, source, host, hardware, guest, guestMissing } = shown
  return {
    schema: 'quiesce.show/1',
    device,
    source,
    host:
      host === undefined
        ? null
        : {
            driver: host.device.driver ?? null,
            driverOverride: host.device.driverOverride ?? null,
            iommuGroup: host.group === undefined ? null : { group: host.group.group, members: host.group.members },
            resetMethods: host.device.resetMethods ?? [],
            powerState: host.device.powerState ?? null,
            numaNode: host.device.numaNode ?? null,
            parentBridge: host.device.parentBridge ?? null,
            physicalFunction: host.device.physicalFunction ?? null,
            virtualFunctions: host.device.virtualFunctions,
            totalVirtualFunctions: host.device.totalVirtualFunctions ?? null,
            resources: host.device.resources,
            assignable: host.blockers.length === 0,
            blockers: host.blockers.map(({ check, reason, hint }) => ({ check, reason, hint })),
          },
    hardware,
    guest: guest ?? null,
    guestMissing: guestMissing ?? null,
  }
}
