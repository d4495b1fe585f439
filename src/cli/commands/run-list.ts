import { hex } from '../../bits/hex.js'
import { findBlockers } from '../../host/assignability.js'
import { readAssignabilityFacts } from '../../host/assignability-facts.js'
import { isHostClass } from '../../host/host-class.js'
import { readInventory } from '../../host/inventory.js'
import type { PciSummary } from '../../host/pci-device.js'
import { readVfioAvailability } from '../../host/vfio-availability.js'
import { deviceName, type PciNames } from '../../pci/names.js'
import { type ExitStatus, exitStatus } from '../exit-status.js'
import { type HostRoots, hostRoots } from '../host-roots.js'
import { toJson } from '../json-output.js'
import { classNameOf, idPair, loadPciNames } from '../pci-names.js'
import { type Column, formatTable } from '../table.js'
import type { Terminal } from '../terminal.js'

function judge(devices: readonly PciSummary[], roots: HostRoots) {
  const vfio = readVfioAvailability(roots.sysfs, roots.dev)
  return devices.map((device) => ({
    device,
    blockers: findBlockers(readAssignabilityFacts(device, vfio, roots.sysfs, roots.dev)),
  }))
}

type Listed = ReturnType<typeof judge>[number]

function toObject({ device, blockers }: Listed, names: PciNames) {
  return {
    address: device.address,
    classCode: hex(device.classCode, 6),
    className: classNameOf(names, device.classCode),
    vendorId: hex(device.vendorId),
    vendorName: names.vendor(device.vendorId) ?? null,
    deviceId: hex(device.deviceId),
    deviceName: names.device(device.vendorId, device.deviceId) ?? null,
    driver: device.driver ?? null,
    iommuGroup: device.iommuGroup ?? null,
    resetMethods: device.resetMethods ?? [],
    assignable: blockers.length === 0,
    blockers: blockers.map(({ check, reason, hint }) => ({ check, reason, hint })),
  }
}

function columns(names: PciNames): Column<Listed>[] {
  return [
    { title: 'ADDRESS', cell: ({ device }) => device.address, style: () => 'bold' },
    { title: 'CLASS', cell: ({ device }) => classNameOf(names, device.classCode), shrinkTo: 16 },
    {
      title: 'DEVICE',
      cell: ({ device }) =>
        `${deviceName(names, device.vendorId, device.deviceId)} [${idPair(device.vendorId, device.deviceId)}]`,
      shrinkTo: 24,
    },
    { title: 'DRIVER', cell: ({ device }) => device.driver ?? '-' },
    { title: 'GROUP', cell: ({ device }) => device.iommuGroup ?? '-' },
    { title: 'RESET', cell: ({ device }) => (device.resetMethods?.length ? device.resetMethods.join(' ') : 'none') },
    {
      title: 'ASSIGNABLE',
      cell: ({ blockers }) => {
        const [first, ...more] = blockers
        if (first === undefined) return 'yes'
        return `no: ${first.brief}${more.length === 0 ? '' : ` (and ${more.length} more)`}`
      },
      style: ({ blockers }) => (blockers.length === 0 ? 'green' : 'yellow'),
    },
  ]
}

function printTable(listed: readonly Listed[], hidden: number, names: PciNames, terminal: Terminal): void {
  if (listed.length > 0) terminal.print(formatTable(columns(names), listed, terminal.paint, terminal.columns))
  if (listed.length === 0) terminal.note('No PCI device here that one would assign')
  if (hidden > 0) terminal.note(`${hidden} of the machine's own (bridges and the like) not shown: see --all`)
  const blocked = listed.find(({ blockers }) => blockers.length > 0 && blockers[0]?.check !== 'bridge')
  if (blocked !== undefined) {
    terminal.note(`What to do about a "no": quiesce show ${blocked.device.address}`)
  }
}

export interface ListOptions {
  readonly all?: boolean
  readonly json?: boolean
  readonly sysroot?: string
}

export async function runList(terminal: Terminal, _args: readonly string[], options: ListOptions): Promise<ExitStatus> {
  const roots = hostRoots(options.sysroot)
  const everything = readInventory(roots.sysfs)
  const chosen = options.all ? everything : everything.filter((device) => !isHostClass(device.classCode))
  const listed = judge(chosen, roots)
  const names = loadPciNames()
  if (options.json) {
    const devices = listed.map((each) => toObject(each, names))
    terminal.print(toJson({ schema: 'quiesce.list/1', devices }))
  } else printTable(listed, everything.length - listed.length, names, terminal)
  return exitStatus.done
}
