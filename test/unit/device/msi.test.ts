import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Interrupts } from '../../../src/function/interrupts.js'
import type { CapabilityDeclaration } from '../../../src/kit/config-declaration.js'
import { customFunction, enableBar0, guestCapability, openModel, openOn } from './device-fixture.js'

const at = 0xe000_0000

/** MSI with four vectors and a mask for each, in its short or its long layout. */
function maskable(is64: boolean): CapabilityDeclaration {
  const control = (2 << 1) | (is64 ? 1 << 7 : 0) | (1 << 8)
  return { id: 0x05, length: is64 ? 24 : 20, fields: [{ offset: 2, width: 2, value: control, writable: 0x71 }] }
}

/** A kernel that offers `count` vectors, and the destinations that it was given. */
function kernel(count: number) {
  const signals: ((() => void) | undefined)[] = []
  const interrupts: Interrupts = {
    info: (kind) => ({ count: kind === 'msi' ? count : 0, maskable: false, automasked: false, fixedSize: true }),
    enable: (_, destinations) => {
      signals.splice(0, signals.length)
      for (const each of destinations) signals.push(each !== undefined && 'signal' in each ? each.signal : undefined)
    },
    retarget: (_, vector, destination) => {
      signals[vector] = destination !== undefined && 'signal' in destination ? destination.signal : undefined
    },
    disable: () => {
      signals.length = 0
    },
    unmask: () => {},
    canUnmaskByEventfd: false,
    unmaskBy: () => {},
  }
  return { signals, interrupts }
}

function multiVector(is64: boolean, offered = 4) {
  const { signals, interrupts } = kernel(offered)
  const open = openOn(customFunction({ capabilities: [maskable(is64)] }), { override: () => ({ interrupts }) })
  return { ...open, signals, cap: guestCapability(open.device, 0x05) }
}

describe('MSI of an assigned device', () => {
  it('delivers the message that the guest programmed', () => {
    const { device, vmm } = openModel('edu-port')
    const cap = guestCapability(device, 0x05)
    enableBar0(device, at, 6)
    device.writeConfig(cap + 4, 4, 0xfee0_1000)
    device.writeConfig(cap + 8, 4, 0)
    device.writeConfig(cap + 12, 2, 0x41)
    device.writeConfig(cap + 2, 2, 1)
    assert.equal(device.inspect().interrupts.kind, 'msi')
    // edu raises its interrupt by a write of its register 0x60.
    vmm.write32(BigInt(at + 0x60), 1)
    assert.deepEqual(vmm.messages, [{ address: 0xfee0_1000n, data: 0x41 }])
  })

  for (const is64 of [false, true]) {
    const layout = is64 ? '64-bit' : '32-bit'
    const data = is64 ? 12 : 8

    it(`gives each of several vectors its number, in the ${layout} layout`, () => {
      const { device, vmm, signals, cap } = multiVector(is64)
      device.writeConfig(cap + 4, 4, 0xfee0_0003)
      device.writeConfig(cap + data, 2, 0x4f)
      device.writeConfig(cap + 2, 2, (2 << 4) | 1)
      assert.equal(signals.length, 4)
      signals[3]?.()
      signals[0]?.()
      assert.deepEqual(vmm.messages, [
        { address: 0xfee0_0000n, data: 0x4f },
        { address: 0xfee0_0000n, data: 0x4c },
      ])
    })

    it(`keeps a masked vector pending, in the ${layout} layout`, () => {
      const { device, vmm, signals, cap } = multiVector(is64)
      const mask = cap + data + 4
      device.writeConfig(cap + 2, 2, (2 << 4) | 1)
      device.writeConfig(mask, 4, 0xffff_ffff)
      assert.equal(device.readConfig(mask, 4), 0xf, 'only vectors that there are')
      signals[2]?.()
      assert.equal(device.readConfig(mask + 4, 4), 4)
      assert.equal(vmm.messages.length, 0)
      device.writeConfig(mask, 1, 0xb)
      assert.equal(vmm.messages.length, 1)
      assert.equal(device.readConfig(mask + 4, 4), 0)
    })
  }

  it('is capable of no more vectors than the kernel offers, and gives no more', () => {
    const { device, signals, cap } = multiVector(true, 2)
    assert.equal((device.readConfig(cap + 2, 2) >> 1) & 7, 1)
    device.writeConfig(cap + 2, 2, (5 << 4) | 1)
    assert.equal((device.readConfig(cap + 2, 2) >> 4) & 7, 1)
    assert.equal(signals.length, 2)
  })

  it('gives its routes back when it is disabled', () => {
    const { device, vmm, cap } = multiVector(true)
    device.writeConfig(cap + 2, 2, (2 << 4) | 1)
    assert.equal(vmm.openRoutes, 4)
    device.writeConfig(cap + 2, 1, 0)
    assert.equal(vmm.openRoutes, 0)
  })

  it('reaches the hardware with nothing', () => {
    const { device, cap, log } = multiVector(true)
    for (let offset = cap; offset < cap + 24; offset++) device.writeConfig(offset, 1, 0xff)
    assert.deepEqual(log, [])
    assert.equal(device.readConfig(cap, 1), 0x05)
  })
})
