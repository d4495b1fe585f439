// Devices that need another reset than the default, and why. Each entry names where that is known from; what a caller
// asks for explicitly still goes before it.
import type { ConfigSpace } from '../function/config-space.js'
import { headerOffset } from '../pci/header.js'
import type { ResetPolicy } from './policy.js'
import { readConfig } from './reach.js'

export interface KnownDevice {
  readonly name: string
  readonly vendor: number
  /** Device IDs: `(id & mask) === value` of any of these; all devices of the vendor without it. */
  readonly devices?: readonly { readonly value: number; readonly mask: number }[]
  /** Base class and sub-class (bits 23:8 of the class code), where only these are meant. */
  readonly classCode?: number
  readonly policy: Partial<ResetPolicy>
  readonly reason: string
  readonly source: string
}

const exactly = (...ids: number[]): { value: number; mask: number }[] => ids.map((value) => ({ value, mask: 0xffff }))

export const knownDevices: readonly KnownDevice[] = [
  {
    name: 'Chelsio T4 and later',
    vendor: 0x1425,
    devices: [{ value: 0x4000, mask: 0xf000 }],
    policy: { order: 'reset-first' },
    reason: 'the adapter can wedge if Bus Master is off during its Function Level Reset',
    source: 'Linux drivers/pci/quirks.c, reset_chelsio_generic_dev',
  },
  {
    name: 'AMD/ATI display controllers',
    vendor: 0x1002,
    classCode: 0x0300,
    policy: { methods: ['vfio', 'hot'] },
    reason: 'they announce NoSoftRst = 0, but D3hot -> D0 does not reset them',
    source: 'Linux drivers/pci/quirks.c, quirk_no_pm_reset',
  },
  {
    name: 'NVIDIA (Mellanox) Spectrum 1-4',
    vendor: 0x15b3,
    devices: exactly(0xcb84, 0xcf6c, 0xcf70, 0xcf80),
    policy: { methods: ['vfio', 'hot'] },
    reason: 'they announce NoSoftRst = 0, but D3hot -> D0 has no effect on them',
    source: 'Linux drivers/pci/quirks.c, quirk_no_pm_reset',
  },
  {
    name: 'Atheros AR93xx and its successors',
    vendor: 0x168c,
    devices: exactly(0x0030, 0x0032, 0x0033, 0x0034, 0x003c, 0x003e),
    policy: { methods: ['vfio', 'pm'] },
    reason: 'a bus reset makes the host lock up',
    source: 'Linux drivers/pci/quirks.c, quirk_no_bus_reset',
  },
  {
    name: 'TI KeyStone C667X',
    vendor: 0x104c,
    devices: exactly(0xb005),
    policy: { methods: ['vfio', 'pm'] },
    reason: 'a bus reset disables its link training, and it stops working',
    source: 'Linux drivers/pci/quirks.c, quirk_no_bus_reset',
  },
  {
    name: 'NVIDIA GPUs with device IDs 0x2340-0x237f',
    vendor: 0x10de,
    devices: [{ value: 0x2340, mask: 0xffc0 }],
    policy: { methods: ['vfio', 'pm'] },
    reason: 'a bus reset leaves them inoperable',
    source: 'Linux drivers/pci/quirks.c, quirk_nvidia_no_bus_reset',
  },
]

/** The entry for a device, by the IDs that VFIO keeps alive even when the device is not. */
export function findKnownDevice(
  config: ConfigSpace,
  table: readonly KnownDevice[] = knownDevices,
): KnownDevice | undefined {
  const ids = readConfig(config, headerOffset.vendorId, 4)
  const classRevision = readConfig(config, headerOffset.revision, 4)
  if (!ids.ok) return undefined
  const classCode = classRevision.ok ? classRevision.value >>> 8 : undefined
  return matchKnownDevice(ids.value & 0xffff, ids.value >>> 16, classCode, table)
}

/** The entry for these IDs. `classCode` has 24 bits, as in sysfs; undefined where it could not be read. */
export function matchKnownDevice(
  vendor: number,
  device: number,
  classCode: number | undefined,
  table: readonly KnownDevice[] = knownDevices,
): KnownDevice | undefined {
  return table.find((entry) => {
    if (entry.vendor !== vendor) return false
    if (entry.classCode !== undefined && (classCode === undefined || classCode >>> 8 !== entry.classCode)) return false
    return entry.devices === undefined || entry.devices.some(({ value, mask }) => (device & mask) === value)
  })
}
