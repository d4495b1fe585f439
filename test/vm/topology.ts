// A machine's PCI devices, each with the slot that it is put in and the address that the guest finds it at.
import { allDevices, type DeviceModel, type DeviceName, deviceModels } from './devices.js'

export interface Topology {
  readonly devices: readonly PlacedDevice[]
  /** Without it, no device is in an IOMMU group, and none can be assigned. */
  readonly iommu: boolean
}

export interface PlacedDevice {
  readonly name: DeviceName
  readonly model: DeviceModel
  /** The address in the guest, in full form. */
  readonly address: string
  /** The bridge above, if there is one: its slot on the root bus. */
  readonly bridgeSlot?: number
  /** The slot on its own bus. */
  readonly slot: number
}

// Slots 0 and 31 of the root bus are the chipset's, and QEMU's IOMMU and serial lines need none.
const firstSlot = 4

/** A machine with the devices named, or with all. */
export function topology(names: readonly DeviceName[] = allDevices, options: { iommu?: boolean } = {}): Topology {
  const devices: PlacedDevice[] = []
  let rootSlot = firstSlot
  // The firmware numbers the buses in the order of the bridges' slots, so counting along gives the same numbers.
  let bus = 0
  let shared: { slot: number; bus: number; next: number } | undefined
  for (const name of names) {
    const model: DeviceModel = deviceModels[name]
    if (model.attachment === 'root-bus') {
      devices.push({ name, model, address: formatAddress(0, rootSlot), slot: rootSlot++ })
    } else if (model.attachment === 'shared-bus') {
      shared ??= { slot: rootSlot++, bus: ++bus, next: 1 }
      const slot = shared.next++
      devices.push({ name, model, address: formatAddress(shared.bus, slot), bridgeSlot: shared.slot, slot })
    } else {
      devices.push({ name, model, address: formatAddress(++bus, 0), bridgeSlot: rootSlot++, slot: 0 })
    }
  }
  return { devices, iommu: options.iommu ?? true }
}

const formatAddress = (bus: number, slot: number) => `0000:${twoDigits(bus)}:${twoDigits(slot)}.0`
const twoDigits = (value: number) => value.toString(16).padStart(2, '0')
