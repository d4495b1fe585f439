// Builds a directory that looks like /sys, /dev and the rest to code that reads them.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface FakeDevice {
  readonly address: string
  readonly ids?: string
  readonly subsystem?: string
  readonly classCode?: number
  readonly driver?: string
  readonly group?: string
  /** The bridge that it lies behind; on the root bus without. */
  readonly behind?: string
  readonly config?: Uint8Array
  /** Further attribute files, by name. */
  readonly files?: Readonly<Record<string, string>>
  /** Further links, by name, to another device. */
  readonly links?: Readonly<Record<string, string>>
}

export interface FakeTree extends Disposable {
  /** The directory that holds sys/ and dev/. */
  readonly root: string
  readonly sysfs: string
  readonly dev: string
}

function write(path: string, text: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}

/** A tree with these devices; a bridge must stand before what lies behind it. */
export function fakeTree(devices: readonly FakeDevice[], devNodes: readonly string[] = []): FakeTree {
  const root = mkdtempSync(join(tmpdir(), 'quiesce-tree-'))
  const sysfs = join(root, 'sys')
  mkdirSync(join(sysfs, 'bus/pci/devices'), { recursive: true })
  const folders = new Map<string, string>()
  for (const device of devices) {
    const above = device.behind === undefined ? join(sysfs, 'devices/pci0000:00') : (folders.get(device.behind) ?? '')
    const folder = join(above, device.address)
    folders.set(device.address, folder)
    writeDevice(sysfs, folder, device)
  }
  for (const node of devNodes) write(join(root, 'dev', node), '')
  return {
    root,
    sysfs,
    dev: join(root, 'dev'),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}

function writeDevice(sysfs: string, folder: string, device: FakeDevice): void {
  const { address, ids = '8086:10C9', subsystem = '1AF4:1100', classCode = 0x020000, driver, group } = device
  const [vendor = '', id = ''] = ids.toLowerCase().split(':')
  const uevent = [
    ...(driver === undefined ? [] : [`DRIVER=${driver}`]),
    `PCI_CLASS=${classCode.toString(16).toUpperCase()}`,
    `PCI_ID=${ids.toUpperCase()}`,
    `PCI_SUBSYS_ID=${subsystem}`,
    `PCI_SLOT_NAME=${address}`,
  ]
  const [subVendor = '', subDevice = ''] = subsystem.toLowerCase().split(':')
  const files: Record<string, string> = {
    uevent: uevent.join('\n'),
    vendor: `0x${vendor}`,
    device: `0x${id}`,
    subsystem_vendor: `0x${subVendor}`,
    subsystem_device: `0x${subDevice}`,
    class: `0x${classCode.toString(16).padStart(6, '0')}`,
    driver_override: '(null)',
    numa_node: '-1',
    power_state: 'D0',
    ...device.files,
  }
  for (const [name, text] of Object.entries(files)) write(join(folder, name), `${text}\n`)
  write(join(folder, 'config'), device.config ?? new Uint8Array(256))
  link(folder, join(sysfs, 'bus/pci/devices', address))
  for (const [name, target] of Object.entries(device.links ?? {})) link(`../${target}`, join(folder, name))
  if (driver !== undefined) {
    mkdirSync(join(sysfs, 'bus/pci/drivers', driver), { recursive: true })
    link(join(sysfs, 'bus/pci/drivers', driver), join(folder, 'driver'))
  }
  if (group !== undefined) {
    const groupFolder = join(sysfs, 'kernel/iommu_groups', group)
    link(folder, join(groupFolder, 'devices', address))
    link(groupFolder, join(folder, 'iommu_group'))
  }
}
