// The generic decoder: reads the tables, knows no capability by itself.
import { hex } from '../bits/hex.js'
import { QuiesceError } from '../errors/quiesce-error.js'
import { type BarSizes, decodeBars } from './bar.js'
import { BridgeControl } from './bridge-control.js'
import { decodeBridgeWindows } from './bridge-windows.js'
import type { AnyRegister, CapabilityDefinition } from './capabilities/capability-definition.js'
import { extendedCapabilities, standardCapabilities } from './capabilities/capability-table.js'
import { capabilityView, type FunctionKind, functionKind } from './capability-view.js'
import {
  type CapabilityEntry,
  type CapabilityWalk,
  walkCapabilities,
  walkExtendedCapabilities,
} from './capability-walk.js'
import { Command } from './command.js'
import { configBytes } from './config-bytes.js'
import type { ConfigReader } from './config-reader.js'
import type {
  DecodedBridge,
  DecodedCapabilities,
  DecodedCapability,
  DecodedConfigSpace,
  DecodedHeader,
  DecodedRegister,
} from './decoded-config-space.js'
import { Bist, bridgeOffset, HeaderType, headerLayout, headerOffset } from './header.js'
import { SecondaryStatus, Status } from './status.js'
import { subsystemOf } from './subsystem-of.js'

function decodeRegister(reader: ConfigReader, register: AnyRegister, offset: number): DecodedRegister {
  const raw = reader.read(offset, (register.width / 8) as 1 | 2 | 4)
  return { offset, raw, fields: register.decode(raw) }
}

/** Decodes one capability by its row of the table. Registers past the end of what can be read are left out. */
export function decodeCapability(
  reader: ConfigReader,
  entry: CapabilityEntry,
  definition: CapabilityDefinition | undefined,
  kind: FunctionKind,
): DecodedCapability {
  const view = capabilityView(reader, entry, kind)
  const registers: Record<string, DecodedRegister> = {}
  for (const { at, register, when, repeat } of definition?.registers ?? []) {
    if (when !== undefined && !when(view)) continue
    const count = repeat?.count(view) ?? 1
    for (let n = 0; n < count; n++) {
      const offset = entry.offset + at + n * (repeat?.stride ?? 0)
      if (offset + register.width / 8 > reader.size) break
      registers[repeat === undefined ? register.name : `${register.name}[${n}]`] = decodeRegister(
        reader,
        register,
        offset,
      )
    }
  }
  const length = definition?.length ?? 0
  return {
    ...entry,
    name: definition?.name ?? `Unknown ${hex(entry.id, 2)}`,
    length: typeof length === 'number' ? length : length(view),
    registers,
  }
}

const typeNames: Readonly<Record<number, DecodedHeader['type']>> = {
  [headerLayout.endpoint]: 'endpoint',
  [headerLayout.bridge]: 'bridge',
  [headerLayout.cardbus]: 'cardbus',
}

function decodeHeader(reader: ConfigReader): DecodedHeader {
  const headerType = decodeRegister(reader, HeaderType, headerOffset.headerType)
  return {
    vendorId: reader.read(headerOffset.vendorId, 2),
    deviceId: reader.read(headerOffset.deviceId, 2),
    revision: reader.read(headerOffset.revision, 1),
    classCode: reader.read(headerOffset.revision, 4) >>> 8,
    cacheLineSize: reader.read(headerOffset.cacheLineSize, 1),
    latencyTimer: reader.read(headerOffset.latencyTimer, 1),
    headerType,
    bist: decodeRegister(reader, Bist, headerOffset.bist),
    type: typeNames[HeaderType.decode(headerType.raw).layout] ?? 'unknown',
    ...subsystemOf(reader),
    interruptLine: reader.read(headerOffset.interruptLine, 1),
    interruptPin: reader.read(headerOffset.interruptPin, 1),
  }
}

function decodeBridge(reader: ConfigReader): DecodedBridge {
  return {
    primaryBus: reader.read(bridgeOffset.primaryBus, 1),
    secondaryBus: reader.read(bridgeOffset.secondaryBus, 1),
    subordinateBus: reader.read(bridgeOffset.subordinateBus, 1),
    secondaryLatencyTimer: reader.read(bridgeOffset.secondaryLatencyTimer, 1),
    secondaryStatus: decodeRegister(reader, SecondaryStatus, bridgeOffset.secondaryStatus),
    bridgeControl: decodeRegister(reader, BridgeControl, bridgeOffset.bridgeControl),
    windows: decodeBridgeWindows(reader).map((window) => ({
      ...window,
      base: hex(window.base, window.width / 4),
      limit: hex(window.limit, window.width / 4),
    })),
  }
}

function decodeList(
  reader: ConfigReader,
  walk: CapabilityWalk,
  table: ReadonlyMap<number, CapabilityDefinition>,
  kind: FunctionKind,
): DecodedCapabilities {
  const entries = walk.entries.map((entry) => decodeCapability(reader, entry, table.get(entry.id), kind))
  return walk.problem === undefined ? { entries } : { entries, problem: walk.problem }
}

const headerBytes = 64

/**
 * Decodes a configuration space: bytes, or anything that can be read as one.
 * @param sizes of the BARs, where they are known
 * @throws QuiesceError `CONFIG_ACCESS` if there is not even a header
 */
export function decodeConfigSpace(source: Uint8Array | ConfigReader, sizes: BarSizes = []): DecodedConfigSpace {
  const reader = source instanceof Uint8Array ? configBytes(source) : source
  if (reader.size < headerBytes) {
    throw new QuiesceError(
      'CONFIG_ACCESS',
      `Cannot decode configuration space: the header takes ${headerBytes} bytes and ${reader.size} are there`,
      { hint: 'Read at least 64 bytes; the capabilities need 256, or 4096 for PCI Express' },
    )
  }
  const kind = functionKind(reader)
  const bars = decodeBars(reader, sizes).map(({ address, size, ...bar }) => ({
    ...bar,
    address: hex(address, bar.width === 64 ? 16 : 8),
    ...(size === undefined ? {} : { size: hex(size, 1) }),
  }))
  return {
    size: reader.size,
    header: decodeHeader(reader),
    command: decodeRegister(reader, Command, headerOffset.command),
    status: decodeRegister(reader, Status, headerOffset.status),
    bars,
    ...(kind.headerLayout === headerLayout.bridge ? { bridge: decodeBridge(reader) } : {}),
    capabilities: decodeList(reader, walkCapabilities(reader), standardCapabilities, kind),
    extended: decodeList(reader, walkExtendedCapabilities(reader), extendedCapabilities, kind),
  }
}
