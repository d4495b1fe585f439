// The devices that the VM can have, as data: what QEMU is told, and why the device is interesting.

/** How a device is attached: to the root bus, alone behind a root port, or to the conventional bus that all of these share. */
export type Attachment = 'root-bus' | 'root-port' | 'slow-root-port' | 'shared-bus'

export interface DeviceModel {
  /** QEMU's name of the model. */
  readonly model: string
  readonly attachment: Attachment
  /** Properties of `-device`, without id, bus and address. */
  readonly properties?: readonly string[]
  /** Arguments of their own that QEMU needs before the device; `ID` stands for the device's name. */
  readonly backend?: readonly string[]
  /** vendor:device, as the guest sees it. */
  readonly ids: string
  /** Only in machines that name it. */
  readonly onDemand?: boolean
}

const rng = (...knobs: string[]): DeviceModel => ({
  model: 'virtio-rng-pci',
  attachment: 'root-port',
  properties: ['rng=ID-source', ...knobs],
  backend: ['-object', 'rng-builtin,id=ID-source'],
  ids: '1af4:1044',
})

const edu = (attachment: Attachment): DeviceModel => ({ model: 'edu', attachment, ids: '1234:11e8' })

// A network card has a wire to nowhere, for QEMU warns of one without; its ROM image would only delay the boot.
const networkCard = (model: string, ids: string): DeviceModel => ({
  model,
  attachment: 'root-port',
  properties: ['romfile=', 'netdev=ID-wire'],
  backend: ['-netdev', 'user,restrict=on,id=ID-wire'],
  ids,
})

/** How long the drive of `nvme-slow` takes to read. */
export const nvmeSlowReadMs = 1500

const nvme = (...drive: string[]): DeviceModel => ({
  model: 'nvme',
  attachment: 'root-port',
  properties: ['serial=quiesce', 'drive=ID-drive'],
  backend: ['-blockdev', ['driver=null-co,read-zeroes=on,size=67108864,node-name=ID-drive', ...drive].join()],
  ids: '1b36:0010',
})

export const deviceModels = {
  /** A DMA engine, and no way at all to reset it: the case that the quiesce exists for. */
  'edu-root': edu('root-bus'),
  'edu-root-2': edu('root-bus'),
  /** The same engine where the kernel can reset the bus. */
  'edu-port': edu('root-port'),
  /** As edu-port, behind a port whose link is said to be fast; without power management nobody waits for it. */
  'edu-slow': edu('slow-root-port'),
  /** Two on one bus: a reset of the bus is both or none. */
  'edu-shared-a': edu('shared-bus'),
  'edu-shared-b': edu('shared-bus'),
  /** FLR and bus; D3hot keeps its state (NoSoftRst = 1). */
  nvme: nvme(),
  /** A read is in flight for as long as one wants it to be. */
  'nvme-slow': { ...nvme(`latency-ns=${nvmeSlowReadMs}000000`), onDemand: true },
  /** No FLR; D3hot resets it (NoSoftRst = 0). */
  e1000e: networkCard('e1000e', '8086:10d3'),
  /** FLR, D3hot and bus; virtual functions. */
  igb: networkCard('igb', '8086:10c9'),
  /** No FLR and NoSoftRst = 0. */
  'rng-pm': rng('x-pcie-flr-init=off', 'x-pcie-pm-no-soft-reset=off'),
  /** No FLR and NoSoftRst = 1: D3hot parks it, and resets nothing. */
  'rng-park': rng('x-pcie-flr-init=off', 'x-pcie-pm-no-soft-reset=on'),
  /** The link is said to be fast and never reports that it is up: a reset of the bus fails after a second, with ENOTTY. */
  'rng-slow': { ...rng('x-pcie-flr-init=off', 'x-pcie-pm-no-soft-reset=on'), attachment: 'slow-root-port' },
} as const satisfies Record<string, DeviceModel>

export type DeviceName = keyof typeof deviceModels

const models: Readonly<Record<DeviceName, DeviceModel>> = deviceModels

export const allDevices = (Object.keys(deviceModels) as DeviceName[]).filter((name) => models[name].onDemand !== true)
