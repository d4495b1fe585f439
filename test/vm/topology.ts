// A machine's PCI devices, each with the slot that it is put in and the address that the guest finds it at.
import { type Attachment, allDevices, type DeviceModel, type DeviceName, deviceModels } from './devices.js'

export interface Topology {
  readonly devices: readonly PlacedDevice[]
  /** Without it, no device is in an IOMMU group, and none can be assigned. */
  readonly iommu: boolean
}

/** A device that a vfio-user server outside of the VM provides. They are named in order, from served-0 on. */
export interface ServedDevice {
  /** The path of the server's socket. */
  readonly socket: string
  /** Where it is put; on the root bus unless told otherwise. */
  readonly attachment?: Attachment
  /** Properties of `-device`, besides the socket. */
  readonly properties?: Readonly<Record<string, unknown>>
}

export type ServedName = `served-${number}`

export interface PlacedDevice {
  readonly name: DeviceName | ServedName
  readonly model: DeviceModel
  /** The address in the guest, in full form. */
  readonly address: string
  /** The bridge above, if there is one: its slot on the root bus. */
  readonly bridgeSlot?: number
  /** The slot on its own bus. */
  readonly slot: number
  /** Where there is a server behind it. */
  readonly served?: ServedDevice
}

// Slots 0 and 31 of the root bus are the chipset's, and QEMU's IOMMU and serial lines need none.
const firstSlot = 4

export interface TopologyOptions {
  /** True unless told otherwise. */
  readonly iommu?: boolean
  /** Devices by vfio-user, after the others. They need the newer QEMU, which runInVm takes by itself. */
  readonly served?: readonly ServedDevice[]
}

/** A machine with the devices named, or with all. */
export function topology(names: readonly DeviceName[] = allDevices, options: TopologyOptions = {}): Topology {
  const devices: PlacedDevice[] = []
  let rootSlot = firstSlot
  // The firmware numbers the buses in the order of the bridges' slots, so counting along gives the same numbers.
  let bus = 0
  let shared: { slot: number; bus: number; next: number } | undefined
  const place = (device: Pick<PlacedDevice, 'name' | 'model' | 'served'>) => {
    if (device.model.attachment === 'root-bus') {
      devices.push({ ...device, address: formatAddress(0, rootSlot), slot: rootSlot++ })
    } else if (device.model.attachment === 'shared-bus') {
      shared ??= { slot: rootSlot++, bus: ++bus, next: 1 }
      const slot = shared.next++
      devices.push({ ...device, address: formatAddress(shared.bus, slot), bridgeSlot: shared.slot, slot })
    } else {
      devices.push({ ...device, address: formatAddress(++bus, 0), bridgeSlot: rootSlot++, slot: 0 })
    }
  }
  for (const name of names) place({ name, model: deviceModels[name] })
  for (const [index, served] of (options.served ?? []).entries()) {
    // Its identity is the server's affair.
    const model = { model: 'vfio-user-pci', attachment: served.attachment ?? 'root-bus', ids: '' } as const
    place({ name: `served-${index}`, model, served })
  }
  return { devices, iommu: options.iommu ?? true }
}

const formatAddress = (bus: number, slot: number) => `0000:${twoDigits(bus)}:${twoDigits(slot)}.0`
const twoDigits = (value: number) => value.toString(16).padStart(2, '0')
