import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { msi, pciExpress, powerManagement, serialNumber } from '../../../src/kit/capabilities.js'
import type { ConfigDeclaration } from '../../../src/kit/config-declaration.js'
import { layoutConfig } from '../../../src/kit/config-layout.js'
import { ConfigRegisters } from '../../../src/kit/config-registers.js'
import { capabilityId } from '../../../src/pci/capability-ids.js'
import { walkCapabilities, walkExtendedCapabilities } from '../../../src/pci/capability-walk.js'

const declaration: ConfigDeclaration = {
  vendorId: 0x1234,
  deviceId: 0x5678,
  revision: 0x9a,
  classCode: 0x020001,
  interruptPin: 1,
  bars: [
    { index: 0, kind: 'memory64', size: 0x4000, address: 0x8_0000_0000, prefetchable: true },
    { index: 2, kind: 'io', size: 0x20, address: 0xc000 },
  ],
  capabilities: [powerManagement(false), msi(), pciExpress({ flr: true })],
  extendedCapabilities: [serialNumber(1, 2)],
  size: 4096,
}

describe('config space from a declaration', () => {
  it('the walk of the capabilities finds those that were declared, in order', () => {
    const walk = walkCapabilities(layoutConfig(declaration))
    assert.deepEqual(
      walk.entries.map((entry) => entry.id),
      [capabilityId.pm, capabilityId.msi, capabilityId.pcie],
    )
    assert.equal(walk.problem, undefined)
    assert.deepEqual(
      walkExtendedCapabilities(layoutConfig(declaration)).entries.map((entry) => entry.id),
      [0x0003],
    )
  })
  it('the header reads as declared', () => {
    const registers = layoutConfig(declaration)
    assert.equal(registers.read(0x00, 4), 0x5678_1234)
    assert.equal(registers.read(0x08, 4), 0x0200_019a)
    assert.equal(registers.read(0x3d, 1), 1)
    assert.equal(registers.read(0x10, 4), 0xc)
    assert.equal(registers.read(0x18, 4), 0x1)
  })
  it('a BAR keeps the address bits that its size implements', () => {
    const registers = layoutConfig(declaration)
    registers.write(0x10, 4, 0xffff_ffff)
    registers.write(0x14, 4, 0xffff_ffff)
    registers.write(0x18, 4, 0xffff_ffff)
    assert.equal(registers.read(0x10, 4), 0xffff_c00c)
    assert.equal(registers.read(0x14, 4), 0xffff_ffff)
    assert.equal(registers.read(0x18, 4), 0xffff_ffe1)
  })
  it('a decoder that no BAR needs is hardwired to 0', () => {
    const registers = layoutConfig({ ...declaration, bars: declaration.bars.slice(0, 1) })
    registers.write(0x04, 2, 0xffff)
    assert.equal(registers.read(0x04, 2) & 0x3, 0x2)
  })
  it('a virtual function has neither decoders nor BARs of its own', () => {
    const registers = layoutConfig({ ...declaration, isVirtualFunction: true })
    registers.write(0x04, 2, 0xffff)
    registers.write(0x10, 4, 0xffff_ffff)
    assert.equal(registers.read(0x04, 2) & 0x7, 0x4)
    assert.equal(registers.read(0x10, 4), 0)
  })
})

describe('ConfigRegisters', () => {
  it('a write reaches writable bits only, and clears what 1 clears', () => {
    const registers = new ConfigRegisters(256, new Map())
    registers.declare(0x40, 2, 0x8001, 0x000f, 0x8000)
    registers.write(0x40, 2, 0x0ff2)
    assert.equal(registers.read(0x40, 2), 0x8002)
    registers.write(0x40, 2, 0x8002)
    assert.equal(registers.read(0x40, 2), 0x0002)
  })
  it('a reset brings back what was declared, also after a change from inside', () => {
    const registers = new ConfigRegisters(256, new Map())
    registers.declare(0x40, 4, 0x1234_5678, 0xffff_ffff)
    registers.force(0x40, 4, 0xffff_ffff)
    assert.equal(registers.read(0x40, 4), 0xffff_ffff)
    registers.reset()
    assert.equal(registers.read(0x40, 4), 0x1234_5678)
    assert.equal(registers.read(0x42, 1), 0x34)
  })
})
