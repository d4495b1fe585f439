// A configuration space for people: one line a register, the guest's value beside the hardware's where both are known.
import { hex } from '../bits/hex.js'
import type { DecodedBar, DecodedCapability, DecodedConfigSpace, DecodedRegister } from '../pci/decoded-config-space.js'
import { deviceName, type PciNames } from '../pci/names.js'
import type { Paint } from './paint.js'
import { classNameOf, idPair } from './pci-names.js'
import type { ShownDevice } from './shown-device.js'
import { formatTable } from './table.js'

interface Row {
  readonly at: string
  readonly name: string
  readonly hardware: string
  readonly guest: string
  readonly detail: string
  readonly differs: boolean
}

/** Flags that are on and numbers that are not 0: what is off is no news. */
function setFields({ fields }: DecodedRegister): string {
  return Object.entries(fields)
    .filter(([, field]) => field !== false && field !== 0)
    .map(([name, field]) => (field === true ? name : `${name}=${field}`))
    .join(' ')
}

function registerRow(name: string, hardware: DecodedRegister, guest: DecodedRegister | undefined): Row {
  const digits = hardware.raw > 0xffff ? 8 : 4
  return {
    at: hex(hardware.offset, 2),
    name,
    hardware: hex(hardware.raw, digits),
    guest: guest === undefined ? '' : hex(guest.raw, digits),
    detail: setFields(hardware),
    differs: guest !== undefined && guest.raw !== hardware.raw,
  }
}

function headerRows(hardware: DecodedConfigSpace, guest: DecodedConfigSpace | undefined): Row[] {
  const rows = [
    registerRow('Command', hardware.command, guest?.command),
    registerRow('Status', hardware.status, guest?.status),
  ]
  return [
    ...rows,
    ...hardware.bars.map((bar) =>
      barRow(
        bar,
        guest?.bars.find((other) => other.index === bar.index),
      ),
    ),
  ]
}

function barRow(bar: DecodedBar, guest: DecodedBar | undefined): Row {
  const width = bar.kind === 'memory' ? `${bar.width}-bit ` : ''
  const detail = [
    `${width}${bar.kind === 'io' ? 'I/O ports' : bar.kind}`,
    bar.size === undefined ? '' : formatSize(BigInt(bar.size)),
    bar.prefetchable ? 'prefetchable' : '',
    bar.enabled ? '' : 'disabled',
    bar.problem ?? '',
  ]
  return {
    at: hex(bar.offset, 2),
    name: bar.index === 'rom' ? 'ROM' : `BAR${bar.index}`,
    hardware: bar.address,
    guest: guest?.address ?? '',
    detail: detail.filter((part) => part !== '').join(', '),
    differs: guest !== undefined && guest.address !== bar.address,
  }
}

function formatSize(bytes: bigint): string {
  for (const [unit, shift] of [
    ['GiB', 30n],
    ['MiB', 20n],
    ['KiB', 10n],
  ] as const) {
    if (bytes >= 1n << shift && bytes % (1n << shift) === 0n) return `${bytes >> shift} ${unit}`
  }
  return `${bytes} bytes`
}

function capabilityRows(capability: DecodedCapability, guest: DecodedConfigSpace | undefined): Row[] {
  const { offset, name, version } = capability
  const isExtended = offset >= 0x100
  const others = isExtended ? guest?.extended.entries : guest?.capabilities.entries
  const twin = others?.find((other) => other.offset === offset && other.id === capability.id)
  const hidden = guest !== undefined && twin === undefined
  const title: Row = {
    at: hex(offset, 2),
    name: `[${name}${isExtended && version !== undefined ? ` v${version}` : ''}]`,
    hardware: '',
    guest: hidden ? 'hidden' : '',
    detail: '',
    differs: hidden,
  }
  const registers = Object.entries(capability.registers).map(([register, decoded]) =>
    registerRow(`  ${register}`, decoded, twin?.registers[register]),
  )
  return [title, ...registers]
}

function hostLines({ host, guestMissing }: ShownDevice): [string, string][] {
  const lines: [string, string][] = []
  if (host !== undefined) {
    const { device, group, blockers } = host
    const members = group?.members.map((member) => `${member.address} ${member.driver ?? 'no driver'}`).join(', ')
    lines.push(['Driver', device.driver ?? 'none'])
    lines.push(['IOMMU group', group === undefined ? 'none' : `${group.group}: ${members}`])
    lines.push(['Reset', device.resetMethods?.length ? device.resetMethods.join(', ') : 'the kernel knows no way'])
    if (device.powerState !== undefined) lines.push(['Power', device.powerState])
    if (device.parentBridge !== undefined) lines.push(['Behind', device.parentBridge])
    if (device.numaNode !== undefined) lines.push(['NUMA node', String(device.numaNode)])
    if (device.physicalFunction !== undefined) lines.push(['Virtual function of', device.physicalFunction])
    if (device.totalVirtualFunctions !== undefined) {
      lines.push(['Virtual functions', `${device.virtualFunctions.length} of ${device.totalVirtualFunctions}`])
    }
    lines.push(['Assignable', blockers.length === 0 ? 'yes' : 'no'])
    for (const { reason, hint } of blockers) lines.push(['', `- ${reason}`], ['', `  ${hint}`])
  }
  if (guestMissing !== undefined) lines.push(["Guest's view", guestMissing])
  return lines
}

export function formatShown(shown: ShownDevice, names: PciNames, paint: Paint, columns?: number): string {
  const { hardware, guest } = shown
  const { vendorId, deviceId, classCode, revision } = hardware.header
  const name = `${classNameOf(names, classCode)}: ${deviceName(names, vendorId, deviceId)}`
  const head = `${paint('bold', shown.device)}  ${name} [${idPair(vendorId, deviceId)}] (rev ${hex(revision, 2).slice(2)})`
  const rows = [
    ...headerRows(hardware, guest),
    ...[...hardware.capabilities.entries, ...hardware.extended.entries].flatMap((each) => capabilityRows(each, guest)),
  ]
  const table = formatTable<Row>(
    [
      { title: 'AT', cell: ({ at }) => at, style: () => 'dim' },
      { title: 'REGISTER', cell: ({ name }) => name, style: ({ name }) => (name.startsWith('[') ? 'bold' : undefined) },
      { title: 'HARDWARE', cell: ({ hardware: raw }) => raw },
      { title: 'GUEST', cell: ({ guest: raw }) => raw, style: ({ differs }) => (differs ? 'yellow' : undefined) },
      { title: 'SET', cell: ({ detail }) => detail, shrinkTo: 30 },
    ],
    rows,
    paint,
    columns,
  )
  const problems = [hardware.capabilities.problem, hardware.extended.problem].filter((problem) => problem !== undefined)
  if (hardware.size <= 64) problems.push('only the header could be read (64 bytes): capabilities need root')
  return [
    head,
    ...hostLines(shown).map(([title, text]) => `  ${paint('dim', title.padEnd(19))}  ${text}`),
    '',
    table,
    ...problems.map((problem) => paint('yellow', `! ${problem}`)),
  ].join('\n')
}
