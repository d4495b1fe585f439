import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parsePciIds } from '../../../src/pci/pci-ids.js'

const names = parsePciIds(`# a comment

1af4  Red Hat, Inc.
	1000  Virtio network device
		01de fffb  Propolis Virtio network device
	1044  Virtio 1.0 RNG
# another
	105a  Virtio file system
8086  Intel Corporation
	10d3  82574L Gigabit Network Connection
ffff  Illegal Vendor ID


C 01  Mass storage controller
	08  Non-Volatile memory controller
		02  NVM Express
C 02  Network controller
	00  Ethernet controller`)

describe('pci.ids', () => {
  it('names vendors, devices and subsystems', () => {
    assert.equal(names.vendor(0x8086), 'Intel Corporation')
    assert.equal(names.device(0x8086, 0x10d3), '82574L Gigabit Network Connection')
    assert.equal(names.subsystem(0x1af4, 0x1000, 0x01de, 0xfffb), 'Propolis Virtio network device')
  })

  it('names classes, subclasses and programming interfaces', () => {
    assert.equal(names.baseClass(1), 'Mass storage controller')
    assert.equal(names.subclass(1, 8), 'Non-Volatile memory controller')
    assert.equal(names.programmingInterface(1, 8, 2), 'NVM Express')
  })

  it('goes on behind a comment, and up to a last line without an end', () => {
    assert.equal(names.device(0x1af4, 0x105a), 'Virtio file system')
    assert.equal(names.subclass(2, 0), 'Ethernet controller')
  })

  it('does not take a subsystem of the next device, or an interface of the next subclass', () => {
    assert.equal(names.subsystem(0x1af4, 0x1044, 0x01de, 0xfffb), undefined)
    assert.equal(names.subsystem(0x1af4, 0x0fff, 0x01de, 0xfffb), undefined)
    assert.equal(names.programmingInterface(1, 1, 2), undefined)
    assert.equal(names.programmingInterface(2, 0, 2), undefined)
  })

  it('knows a vendor on the very first line', () => {
    const first = parsePciIds('8086  Intel Corporation\n\t10d3  82574L')
    assert.equal(first.vendor(0x8086), 'Intel Corporation')
    assert.equal(first.device(0x8086, 0x10d3), '82574L')
  })

  it('does not take a device of the next vendor, or a class for a vendor', () => {
    assert.equal(names.device(0x1af4, 0x10d3), undefined)
    assert.equal(names.device(0xffff, 0x0008), undefined)
    assert.equal(names.vendor(0x0c01), undefined)
    assert.equal(names.baseClass(0x80), undefined)
  })

  it('knows nothing in an empty file', () => {
    assert.equal(parsePciIds('').vendor(0x8086), undefined)
  })
})
