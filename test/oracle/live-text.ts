// The dumps were taken with `lspci -vvv -nn -xxxx` on a running machine, so above the bytes stands what lspci printed
// with the kernel's help: sizes, interrupts, groups. That help is read back out of the text.
import type { SystemResource, SystemView } from '../../src/pci/lspci/lspci-device.js'

const romIndex = 6
/** Behind the BARs, the ROM and the six lines of SR-IOV. */
const windowIndex: Readonly<Record<string, number>> = { 'I/O': 13, Memory: 14, 'Prefetchable memory': 15 }
const units: Readonly<Record<string, bigint>> = { '': 1n, K: 1n << 10n, M: 1n << 20n, G: 1n << 30n, T: 1n << 40n }

const region = /^\t(?:Region (\d)|(Expansion ROM)).*? at (\S+)(?: \((\S+), (\S+)\))?.*\[size=(\d+)([KMGT]?)\]/
const window = /^\t(.*) behind bridge: ([0-9a-f]+)-([0-9a-f]+) \[size/

function resourceOf(line: string): SystemResource[] {
  const behind = window.exec(line)
  if (behind !== null) {
    const [, name = '', from, to] = behind
    const start = BigInt(`0x${from}`)
    const kind = name === 'I/O' ? 'io' : 'memory'
    const size = BigInt(`0x${to}`) - start + 1n
    const is64Bit = from?.length === 16
    return [{ index: windowIndex[name] ?? 0, kind, start, size, is64Bit, prefetchable: name.startsWith('Pre') }]
  }
  const match = region.exec(line)
  if (match === null) return []
  const [, index, rom, address = '', width, prefetch, size = '0', unit = ''] = match
  return [
    {
      index: rom === undefined ? Number(index) : romIndex,
      kind: line.includes('I/O ports') ? 'io' : 'memory',
      start: address.startsWith('<') ? 0n : BigInt(`0x${address}`),
      size: BigInt(size) * (units[unit] ?? 1n),
      is64Bit: width === '64-bit',
      prefetchable: prefetch === 'prefetchable',
    },
  ]
}

function first(lines: readonly string[], pattern: RegExp): string | undefined {
  return lines.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined)
}

export interface LiveText {
  readonly lines: readonly string[]
  readonly system: SystemView
}

export function liveText(dump: string): LiveText {
  const lines = dump.split('\n').filter((line) => line !== '' && !/^[0-9a-f]{2,3}: /.test(line))
  const physicalSlot = first(lines, /^\tPhysical Slot: (.*)/)
  const iommuGroup = first(lines, /^\tIOMMU group: (.*)/)
  const driver = first(lines, /^\tKernel driver in use: (.*)/)
  const [, vendorId, deviceId] = /\[([0-9a-f]{4}):([0-9a-f]{4})\]/.exec(lines[0] ?? '') ?? []
  const system: SystemView = {
    ...(vendorId === undefined ? {} : { vendorId: Number.parseInt(vendorId, 16) }),
    ...(deviceId === undefined ? {} : { deviceId: Number.parseInt(deviceId, 16) }),
    irq: Number(first(lines, /routed to IRQ (\d+)/) ?? 0),
    resources: lines.flatMap(resourceOf),
    ...(physicalSlot === undefined ? {} : { physicalSlot }),
    ...(iommuGroup === undefined ? {} : { iommuGroup }),
    ...(driver === undefined ? {} : { driver }),
  }
  return { lines, system }
}

const named = /^(\S+:.*|\t(?:Subsystem|Capabilities: \[..\] Subsystem): .*)$/

/** Without the numbers of `-nn` behind the names, and what stands there without `-nn` where there is no name. */
export function withoutNumbers(lines: readonly string[]): string[] {
  return lines.map((line) =>
    named.test(line)
      ? line
          .replace(/Device (?:[0-9a-f]{4}:)?[0-9a-f]{4}/, 'Device')
          .replaceAll(/ \[(?:[0-9a-f]{4}:)?[0-9a-f]{4}\]/g, '')
      : line,
  )
}
