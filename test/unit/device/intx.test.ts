import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { streamRegister } from '../../../src/sim/models/stream-device.js'
import { enableBar0, guestCapability, openModel, withInterrupts } from './device-fixture.js'
import { RecordingVmm } from './recording-vmm.js'

const at = 0xe000_0000
const interrupt = BigInt(at + streamRegister.interrupt)
const acknowledge = BigInt(at + streamRegister.acknowledge)

describe('INTx of an assigned device', () => {
  it('raises the line once, and again while it is not acknowledged', () => {
    const { device, vmm } = openModel('no-reset')
    enableBar0(device, at)
    vmm.write32(interrupt, 0)
    vmm.write32(interrupt, 0)
    assert.equal(vmm.raised, 1, 'masked at delivery')
    vmm.endOfInterrupt()
    assert.equal(vmm.raised, 2, 'a level: still there')
    vmm.write32(acknowledge, 0)
    vmm.endOfInterrupt()
    assert.equal(vmm.raised, 2)
    assert.equal(vmm.isLineHigh, false)
    vmm.write32(interrupt, 0)
    assert.equal(vmm.raised, 3)
  })

  it('leaves Interrupt Disable to the kernel, which masks the line', () => {
    const { device, fn } = openModel('no-reset')
    device.writeConfig(0x05, 1, 4)
    assert.equal(fn.config.read(0x04, 2), 0x400)
    assert.equal(device.readConfig(0x04, 2), 0x400)
    device.writeConfig(0x04, 1, 2)
    assert.equal(fn.config.read(0x04, 2), 0x402, 'a write of the other byte keeps it')
  })

  it('makes way for MSI, and comes back after it', () => {
    const { device, vmm } = openModel('no-reset')
    const control = guestCapability(device, 0x05) + 2
    enableBar0(device, at, 6)
    vmm.write32(interrupt, 0)
    assert.equal(vmm.isLineHigh, true)
    device.writeConfig(control, 2, 1)
    assert.equal(vmm.isLineHigh, false)
    vmm.write32(interrupt, 0)
    assert.deepEqual([vmm.messages.length, vmm.raised], [1, 1])
    vmm.endOfInterrupt()
    device.writeConfig(control, 2, 0)
    assert.equal(vmm.raised, 2, 'still high in the device')
  })

  it('is not there where the function has no pin', () => {
    const { device, vmm } = openModel('virtual-function')
    assert.equal(vmm.openLines, 0)
    assert.equal(device.readConfig(0x3d, 1), 0)
  })

  it('has an Interrupt Line that is only a place to write to', () => {
    const { device, fn } = openModel('no-reset')
    device.writeConfig(0x3c, 4, 0xffff_ff0b)
    assert.equal(device.readConfig(0x3c, 4), 0x0000_010b)
    assert.equal(fn.config.read(0x3c, 1), 0)
  })

  it('is masked in the kernel by Interrupt Disable, and there again once that is off', () => {
    const { device, vmm } = openModel('no-reset')
    enableBar0(device, at)
    device.writeConfig(0x04, 2, 0x402)
    vmm.write32(interrupt, 0)
    vmm.endOfInterrupt()
    assert.equal(vmm.raised, 0)
    device.writeConfig(0x04, 2, 0x2)
    assert.equal(vmm.raised, 1)
  })

  describe('of a VMM with a resample eventfd', () => {
    /** A kernel with eventfds, and what it was asked for. */
    function resampling(canUnmaskByEventfd: boolean) {
      const calls: string[] = []
      const vmm = new RecordingVmm()
      vmm.resample = 9
      const opened = openModel('no-reset', {
        vmm,
        override: (fn) => ({
          interrupts: withInterrupts(fn, {
            canUnmaskByEventfd,
            unmaskBy: (kind, eventfd) => void calls.push(`unmask ${kind} by ${eventfd}`),
            enable: (kind, destinations) => {
              calls.push(`enable ${kind}`)
              fn.interrupts.enable(kind, destinations)
            },
          }),
        }),
      })
      return { ...opened, calls: calls.filter((call) => !/err|req/.test(call)), all: calls }
    }

    it('is unmasked by the kernel, once it is enabled', () => {
      assert.deepEqual(resampling(true).calls, ['enable intx', 'unmask intx by 9'])
    })

    it('is unmasked here where the kernel cannot', () => {
      const { calls, device, vmm } = resampling(false)
      assert.deepEqual(calls, ['enable intx'])
      enableBar0(device, at)
      vmm.write32(interrupt, 0)
      vmm.endOfInterrupt()
      assert.equal(vmm.raised, 2)
    })

    it('is set up so again after a reset', async () => {
      const { device, all } = resampling(true)
      all.length = 0
      await device.reset()
      assert.deepEqual(all, ['enable intx', 'unmask intx by 9'])
    })
  })
})
