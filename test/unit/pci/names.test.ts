import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { className, deviceName, noNames, programmingInterfaceName, subsystemName } from '../../../src/pci/names.js'

const some = {
  ...noNames,
  vendor: (id: number) => (id === 0x8086 ? 'Intel Corporation' : undefined),
  device: (vendor: number, id: number) => (vendor === 0x8086 && id === 0x10d3 ? '82574L' : undefined),
  baseClass: (base: number) => (base === 2 ? 'Network controller' : undefined),
  subclass: (base: number, sub: number) => (base === 2 && sub === 0 ? 'Ethernet controller' : undefined),
}

describe('names', () => {
  it('of a device are as full as the database allows', () => {
    assert.equal(deviceName(some, 0x8086, 0x10d3), 'Intel Corporation 82574L')
    assert.equal(deviceName(some, 0x8086, 0x1), 'Intel Corporation Device 0001')
    assert.equal(deviceName(some, 0x1234, 0x11e8), 'Device 1234:11e8')
  })

  it('of a subsystem that is the device itself are the name of the device', () => {
    assert.equal(subsystemName(some, 0x8086, 0x10d3, 0x8086, 0x10d3), 'Intel Corporation 82574L')
    assert.equal(subsystemName(some, 0x8086, 0x10d3, 0x8086, 0), 'Intel Corporation Device 0000')
  })

  it('of a class fall back to its base class and to its number', () => {
    assert.equal(className(some, 2, 0), 'Ethernet controller')
    assert.equal(className(some, 2, 0x80), 'Network controller [0280]')
    assert.equal(className(some, 0xff, 0), 'Class ff00')
  })

  it('of an IDE interface are spelled out bit by bit', () => {
    assert.equal(programmingInterfaceName(noNames, 1, 1, 0x8a), 'Master SecP PriP')
    assert.equal(programmingInterfaceName(noNames, 1, 1, 0), '')
    assert.equal(programmingInterfaceName(noNames, 1, 8, 2), undefined)
  })
})
