// Random but well-formed configuration spaces, made from the capability tables: every capability, every register, with
// contents that are random, all zeros, all ones or sparse.
import type { CapabilityDefinition } from '../../src/pci/capabilities/capability-definition.js'
import { extendedCapabilities, standardCapabilities } from '../../src/pci/capabilities/capability-table.js'
import { capabilityId, extendedCapabilityId } from '../../src/pci/capability-ids.js'
import { headerLayout, headerOffset } from '../../src/pci/header.js'
import { ConfigSpaceBuilder } from './config-space-builder.js'
import type { Random } from './random.js'

/** Bytes to fill where the length depends on the contents; the longest form. */
const longest: Readonly<Record<string, number>> = {
  PCI_EXP_FLAGS: 0x3c,
  PCI_MSI_FLAGS: 0x18,
  PCI_VNDR_LENGTH: 0x14,
  PCI_VC_PORT_CAP1: 0x70,
  PCI_REBAR_CAP: 0x34,
  PCI_ERR_UNCOR_STATUS: 0x38,
}
const minimum = 0x10

function lengthOf(definition: CapabilityDefinition): number {
  const first = definition.registers[0]?.register.name ?? ''
  return longest[first] ?? Math.max(typeof definition.length === 'number' ? definition.length : 0, minimum)
}

/** For a capability that is known by name alone, zeros: lspci gives up on some that contradict themselves. */
function bodyOf(random: Random, definition: CapabilityDefinition, head: number): number[] {
  const length = lengthOf(definition) - head
  return definition.registers.length === 0 ? new Array<number>(length).fill(0) : contents(random, length)
}

function contents(random: Random, length: number): number[] {
  const style = random.below(6)
  const byte = [
    () => 0,
    () => 0xff,
    () => 1 << random.below(8),
    () => random.byte() & random.byte(),
    () => random.byte(),
    () => random.byte(),
  ][style] as () => number
  return Array.from({ length }, byte)
}

const endpointClasses = [0x020000, 0x010802, 0x010601, 0x01018a, 0x00ff00, 0x0c0330, 0x120000, 0xff0000]
const bridgeClasses = [0x060400, 0x060401, 0x060000]
const vendors = [0x8086, 0x1af4, 0x10de, 0x1b36, 0xbeef]
/** Known and two that are not. */
const portTypes = [0, 0, 1, 4, 4, 5, 6, 7, 8, 9, 10, 2, 15]

function fillHeader(random: Random, space: ConfigSpaceBuilder, layout: number): void {
  const classes = layout === headerLayout.endpoint ? endpointClasses : bridgeClasses
  const start = contents(random, 0x40)
  for (const [offset, value] of start.entries()) space.put(offset, 1, value)
  const deviceId = random.pick([0x1000, 0x1041, 0x10d3, 0x1533, random.below(0x10000)])
  space.identify(random.pick(vendors), deviceId, random.pick(classes))
  space.put(headerOffset.status, 2, (random.below(0x10000) & 0xffe8) | 0x10)
  space.put(headerOffset.headerType, 1, layout | (random.chance(0.5) ? 0x80 : 0))
  space.put(headerOffset.interruptPin, 1, random.below(5))
  space.put(headerOffset.capabilities, 1, 0)
}

/** What the generic contents cannot leave to chance. */
function adjust(random: Random, definition: CapabilityDefinition, isExtended: boolean, body: number[]): void {
  if (!isExtended && definition.id === capabilityId.pcie) {
    body[0] = random.pick([1, 2, 2, 2, 3]) | (random.pick(portTypes) << 4)
  }
  if (!isExtended && definition.id === capabilityId.vendor) {
    body[0] = random.pick([8, 0x10, 0x14])
    body[1] = random.below(7)
  }
  // CXL's DVSECs are a world of their own.
  if (isExtended && definition.id === extendedCapabilityId.dvsec && body[0] === 0x98) body[0] = 0x97
}

/** One function, with as many capabilities as fit. */
export function randomConfigSpace(random: Random): Uint8Array {
  const layout = random.pick([headerLayout.endpoint, headerLayout.endpoint, headerLayout.bridge])
  const space = new ConfigSpaceBuilder(random.chance(0.9) ? 4096 : 256)
  fillHeader(random, space, layout)
  const standard = random.shuffle([...standardCapabilities.values()])
  // Extended space is there with PCI Express only, so that comes first, mostly.
  const express = standard.filter(({ id }) => id === capabilityId.pcie && random.chance(0.9))
  const others = standard.filter(({ id }) => id !== capabilityId.pcie)
  for (const definition of [...express, ...others].slice(0, 1 + random.below(12))) {
    const body = bodyOf(random, definition, 2)
    adjust(random, definition, false, body)
    space.standard(definition.id, body)
  }
  for (const definition of random.shuffle([...extendedCapabilities.values()])) {
    const body = bodyOf(random, definition, 4)
    adjust(random, definition, true, body)
    space.extended(definition.id, 1 + random.below(3), body)
  }
  return space.bytes
}
