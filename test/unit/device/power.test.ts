import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { enableBar0, guestCapability, openModel } from './device-fixture.js'

const at = 0xe000_0000

describe('power states of an assigned device', () => {
  it('take the BARs out before D0 is left, and bring them back after', () => {
    const { device, log } = openModel('flr')
    const pmcsr = guestCapability(device, 1) + 4
    enableBar0(device, at)
    log.length = 0
    device.writeConfig(pmcsr, 2, 3)
    assert.equal(device.inspect().powerState, 3)
    device.writeConfig(pmcsr, 1, 0)
    assert.deepEqual(log, [
      'untrap memory 0xe0000000 0x4000',
      `config ${pmcsr.toString(16)}/2 = 0x3`,
      `config ${pmcsr.toString(16)}/1 = 0x0`,
      'trap memory 0xe0000000 0x4000',
    ])
    assert.equal(device.readConfig(0x10, 4), 0xe000_000c, 'NoSoftRst is 1: nothing is lost')
  })

  it('notice a D3hot that the device refuses', () => {
    const { device, fn, vmm, events } = openModel('flr')
    const pmcsr = guestCapability(device, 1) + 4
    enableBar0(device, at)
    fn.faults.set('d3-refused', true)
    device.writeConfig(pmcsr, 4, 3)
    assert.deepEqual(events, [{ kind: 'power-state-refused', asked: 3, is: 0, suppressed: 0 }])
    assert.equal(vmm.traps.size, 1, 'the BAR is back')
  })

  it('keep the BARs out where the device does not come back', () => {
    const { device, fn, vmm, events } = openModel('flr')
    const pmcsr = guestCapability(device, 1) + 4
    enableBar0(device, at)
    device.writeConfig(pmcsr, 2, 3)
    fn.faults.set('d3-exit-fails', true)
    device.writeConfig(pmcsr, 2, 0)
    assert.equal(vmm.traps.size, 0)
    assert.deepEqual(events, [{ kind: 'power-state-refused', asked: 0, is: 3, suppressed: 0 }])
  })

  it('do not change with a write of the other byte', () => {
    const { device, vmm } = openModel('flr')
    const pmcsr = guestCapability(device, 1) + 4
    enableBar0(device, at)
    device.writeConfig(pmcsr, 2, 3)
    device.writeConfig(pmcsr + 1, 1, 0)
    assert.equal(device.readConfig(pmcsr, 2) & 3, 3)
    assert.equal(vmm.traps.size, 0)
  })

  it('reset the registers on the way back where NoSoftRst is 0, and Bus Master stays off', () => {
    const { device, fn, vmm } = openModel('pm-kernel')
    const pmcsr = guestCapability(device, 1) + 4
    enableBar0(device, at, 6)
    device.writeConfig(pmcsr, 2, 3)
    device.writeConfig(pmcsr, 2, 0)
    assert.equal(device.readConfig(0x04, 2), 0)
    assert.equal(device.readConfig(0x10, 4) & ~0xf, 0)
    assert.equal(vmm.traps.size, 0)
    assert.equal(fn.hardware.busMaster, false, 'the kernel had restored it')
    enableBar0(device, at)
    assert.ok(vmm.traps.size > 0)
  })
})
