// Lays a declared function out as registers (PCI 3.0, 6.1; PCIe 5.0, 7.5.1 and 7.6.3).
import { Command } from '../pci/command.js'
import { headerOffset } from '../pci/header.js'
import { Status } from '../pci/status.js'
import type { BarDeclaration, CapabilityDeclaration, ConfigDeclaration } from './config-declaration.js'
import { ConfigRegisters } from './config-registers.js'

const firstCapability = 0x40
const firstExtendedCapability = 0x100
const barFlags = { io: 0x1, memory32: 0x0, memory64: 0x4 } as const
const prefetchableFlag = 0x8

const align = (offset: number): number => (offset + 3) & ~3

function place(capabilities: readonly CapabilityDeclaration[], first: number): number[] {
  const offsets: number[] = []
  let at = first
  for (const capability of capabilities) {
    offsets.push(at)
    at = align(at + capability.length)
  }
  return offsets
}

/** Where each capability of the list lies. */
export function capabilityOffsets({ capabilities }: ConfigDeclaration): readonly number[] {
  return place(capabilities, firstCapability)
}

/** The low bits of a BAR that say what it is. */
export function flagsOf(bar: BarDeclaration): number {
  return barFlags[bar.kind] | (bar.prefetchable === true ? prefetchableFlag : 0)
}

function declareFields(registers: ConfigRegisters, at: number, capability: CapabilityDeclaration): void {
  for (const field of capability.fields) {
    registers.declare(at + field.offset, field.width, field.value, field.writable, field.clearedByOne)
  }
}

/** Builds the registers of a function as they are after a reset: BARs without addresses, everything disabled. */
export function layoutConfig(declaration: ConfigDeclaration): ConfigRegisters {
  const { bars, capabilities, extendedCapabilities = [], isVirtualFunction = false } = declaration
  const offsets = capabilityOffsets(declaration)
  const registers = new ConfigRegisters(
    declaration.size,
    new Map(capabilities.map((capability, i) => [capability.id, offsets[i] ?? 0])),
  )
  registers.declare(headerOffset.vendorId, 2, declaration.vendorId)
  registers.declare(headerOffset.deviceId, 2, declaration.deviceId)
  // A bit that the function has no use for is hardwired to 0: Memory Space without a memory BAR, and so on.
  const implemented = (isIo: boolean): boolean => !isVirtualFunction && bars.some((bar) => (bar.kind === 'io') === isIo)
  const command =
    Command.mask('busMaster', 'parityError', 'serrEnable', 'intxDisable') |
    (implemented(false) ? Command.mask('memorySpace') : 0) |
    (implemented(true) ? Command.mask('ioSpace') : 0)
  registers.declare(headerOffset.command, 2, 0, command)
  const status = Status.encode({ capabilitiesList: capabilities.length > 0 })
  registers.declare(headerOffset.status, 2, status, 0, 0xf900)
  registers.declare(headerOffset.revision, 4, ((declaration.classCode << 8) | declaration.revision) >>> 0)
  registers.declare(0x0c, 2, 0, 0xffff) // Cache Line Size, Latency Timer
  registers.declare(0x2c, 2, declaration.subsystemVendorId ?? declaration.vendorId)
  registers.declare(0x2e, 2, declaration.subsystemId ?? declaration.deviceId)
  registers.declare(headerOffset.interruptLine, 1, 0, 0xff)
  registers.declare(headerOffset.interruptPin, 1, declaration.interruptPin)
  if (!isVirtualFunction) {
    for (const bar of bars) {
      const at = headerOffset.bar0 + 4 * bar.index
      registers.declare(at, 4, flagsOf(bar), ~(bar.size - 1) >>> 0)
      if (bar.kind === 'memory64') registers.declare(at + 4, 4, 0, 0xffff_ffff)
    }
  }
  registers.declare(headerOffset.capabilities, 1, offsets[0] ?? 0)
  capabilities.forEach((capability, i) => {
    const at = offsets[i] ?? 0
    registers.declare(at, 1, capability.id)
    registers.declare(at + 1, 1, offsets[i + 1] ?? 0)
    declareFields(registers, at, capability)
  })
  const extendedOffsets = place(extendedCapabilities, firstExtendedCapability)
  extendedCapabilities.forEach((capability, i) => {
    const next = extendedOffsets[i + 1] ?? 0
    const at = extendedOffsets[i] ?? 0
    registers.declare(at, 4, (capability.id | (capability.version << 16) | (next << 20)) >>> 0)
    declareFields(registers, at, capability)
  })
  return registers
}
