import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { capabilityId, extendedCapabilityId } from '../../../src/pci/capability-ids.js'
import { decodeConfigSpace } from '../../../src/pci/decode-config-space.js'
import { ConfigSpaceBuilder } from '../../oracle/config-space-builder.js'

const endpoint = (size: 64 | 256 | 4096 = 4096) => new ConfigSpaceBuilder(size).identify(0x8086, 0x10d3, 0x020000)

describe('a decoded configuration space', () => {
  it('has the header, Command and Status', () => {
    const { header, command, status } = decodeConfigSpace(endpoint().put(4, 2, 0x0406).put(0x2c, 4, 0x11001af4).bytes)
    assert.deepEqual(
      [header.vendorId, header.deviceId, header.classCode, header.type],
      [0x8086, 0x10d3, 0x020000, 'endpoint'],
    )
    assert.deepEqual([header.subsystemVendorId, header.subsystemId], [0x1af4, 0x1100])
    assert.deepEqual([command.raw, command.fields['busMaster'], command.fields['intxDisable']], [0x406, true, true])
    assert.equal(status.fields['capabilitiesList'], true)
  })

  it('has the registers of a capability with their absolute offsets', () => {
    const space = endpoint()
    const at = space.standard(capabilityId.pm, [0x03, 0x00, 0x08, 0x01, 0, 0]) ?? 0
    const [pm] = decodeConfigSpace(space.bytes).capabilities.entries
    assert.deepEqual([pm?.id, pm?.name, pm?.offset, pm?.length], [1, 'Power Management', at, 8])
    const control = pm?.registers['PCI_PM_CTRL']
    assert.deepEqual([control?.offset, control?.raw], [at + 4, 0x0108])
    assert.deepEqual([control?.fields['noSoftReset'], control?.fields['powerState']], [true, 0])
  })

  it('has MSI laid out as its control register says', () => {
    const wide = endpoint()
    wide.standard(capabilityId.msi, [0x80, 0x01, ...new Array<number>(20).fill(0x11)])
    const narrow = endpoint()
    narrow.standard(capabilityId.msi, [0, 0, ...new Array<number>(20).fill(0x22)])
    const names = (bytes: Uint8Array) => Object.keys(decodeConfigSpace(bytes).capabilities.entries[0]?.registers ?? {})
    assert.deepEqual(names(wide.bytes), [
      'PCI_MSI_FLAGS',
      'PCI_MSI_ADDRESS_LO',
      'PCI_MSI_ADDRESS_HI',
      'PCI_MSI_DATA',
      'PCI_MSI_MASK',
      'PCI_MSI_PENDING',
    ])
    assert.deepEqual(names(narrow.bytes), ['PCI_MSI_FLAGS', 'PCI_MSI_ADDRESS_LO', 'PCI_MSI_DATA'])
  })

  it('has of PCI Express what version and kind of port have', () => {
    const names = (version: number, type: number) => {
      const [pcie] = decodeConfigSpace(endpoint().express(version, type).bytes).capabilities.entries
      return Object.keys(pcie?.registers ?? {})
    }
    assert.equal(names(1, 0).includes('PCI_EXP_DEVCAP2'), false)
    assert.equal(names(2, 0).includes('PCI_EXP_DEVCAP2'), true)
    assert.equal(names(2, 9).includes('PCI_EXP_LNKCAP'), false)
    assert.deepEqual([names(2, 4).includes('PCI_EXP_RTCTL'), names(2, 4).includes('PCI_EXP_SLTCTL')], [true, false])
    assert.equal(names(0x12, 0x14).includes('PCI_EXP_SLTCTL'), false)
  })

  it('has the root error registers of AER for root ports only', () => {
    const names = (type: number) => {
      const space = endpoint().express(2, type)
      space.extended(extendedCapabilityId.aer, 2, new Array<number>(0x34).fill(0))
      return Object.keys(decodeConfigSpace(space.bytes).extended.entries[0]?.registers ?? {})
    }
    assert.equal(names(0).includes('PCI_ERR_ROOT_STATUS'), false)
    assert.equal(names(4).includes('PCI_ERR_ROOT_STATUS'), true)
    assert.ok(names(0).includes('PCI_ERR_HEADER_LOG[3]'))
  })

  it('has as many Resizable BARs as the first says', () => {
    const space = endpoint().express(2, 0)
    space.extended(extendedCapabilityId.resizableBar, 1, [0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0])
    const [rebar] = decodeConfigSpace(space.bytes).extended.entries
    assert.deepEqual(Object.keys(rebar?.registers ?? {}), [
      'PCI_REBAR_CAP[0]',
      'PCI_REBAR_CAP[1]',
      'PCI_REBAR_CTRL[0]',
      'PCI_REBAR_CTRL[1]',
    ])
    assert.equal(rebar?.registers['PCI_REBAR_CTRL[1]']?.fields['barIndex'], 2)
  })

  it('names a capability that it does not know by its number', () => {
    const space = endpoint()
    space.standard(0x42, [0, 0])
    space.express(2, 0).extended(0x1234, 3, [0, 0, 0, 0])
    const { capabilities, extended } = decodeConfigSpace(space.bytes)
    assert.equal(capabilities.entries[0]?.name, 'Unknown 0x42')
    assert.deepEqual([extended.entries[0]?.name, extended.entries[0]?.version], ['Unknown 0x1234', 3])
  })

  it('says why a list ended too early', () => {
    const space = endpoint()
    const at = space.standard(capabilityId.pm, [0, 0, 0, 0, 0, 0]) ?? 0
    const { capabilities } = decodeConfigSpace(space.put(at + 1, 1, at).bytes)
    assert.deepEqual([capabilities.entries.length, capabilities.problem], [1, 'the list returns to 0x40'])
  })

  it('of a bridge has its buses, windows and control', () => {
    const bytes = endpoint().put(0x0e, 1, 1).put(0x18, 4, 0x00050302).put(0x3e, 2, 0x40).bytes
    const { bridge, header } = decodeConfigSpace(bytes)
    assert.equal(header.type, 'bridge')
    assert.deepEqual([bridge?.primaryBus, bridge?.secondaryBus, bridge?.subordinateBus], [2, 3, 5])
    assert.equal(bridge?.bridgeControl.fields['secondaryBusReset'], true)
    assert.equal(bridge?.windows.length, 3)
  })

  it('has the sizes of BARs where they are given', () => {
    const { bars } = decodeConfigSpace(endpoint().put(0x10, 4, 0xfe000000).bytes, [0x20000n])
    assert.deepEqual([bars[0]?.address, bars[0]?.size], ['0xfe000000', '0x20000'])
  })

  it('of a header alone has no capabilities, and says why', () => {
    const { capabilities, extended } = decodeConfigSpace(endpoint(64).put(0x34, 1, 0x40).bytes)
    assert.deepEqual(capabilities.entries, [])
    assert.match(capabilities.problem ?? '', /outside the bytes/)
    assert.deepEqual(extended, { entries: [] })
  })

  it('takes at least a header', () => {
    assert.throws(
      () => decodeConfigSpace(new Uint8Array(63)),
      (error) => error instanceof QuiesceError && error.code === 'CONFIG_ACCESS' && error.hint !== undefined,
    )
  })

  it('of any bytes at all is plain data that JSON gives back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 512 }), (bytes) => {
        const decoded = decodeConfigSpace(bytes)
        assert.deepEqual(JSON.parse(JSON.stringify(decoded)), decoded)
      }),
      { numRuns: 200 },
    )
  })
})
