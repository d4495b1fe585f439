import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AssignedDevice } from '../../../src/device/assigned-device.js'
import { pciExpress, powerManagement, serialNumber } from '../../../src/kit/capabilities.js'
import type { ExtendedCapabilityDeclaration } from '../../../src/kit/config-declaration.js'
import { walkCapabilities, walkExtendedCapabilities } from '../../../src/pci/capability-walk.js'
import type { ConfigReader } from '../../../src/pci/config-reader.js'
import { customFunction, openModel, openOn } from './device-fixture.js'

const ari = { id: 0x0e, version: 1, length: 8, fields: [{ offset: 4, width: 4, value: 0x0000_0100 }] } as const
const sriov = { id: 0x10, version: 1, length: 0x40, fields: [{ offset: 8, width: 4, value: 0xffff_ffff }] } as const
const resizableBar = {
  id: 0x15,
  version: 1,
  length: 0x0c,
  fields: [
    { offset: 4, width: 4, value: 0x0000_0ff0 },
    { offset: 8, width: 4, value: 0x0000_0520, writable: 0x0000_3f00 },
  ],
} as const
const ats = { id: 0x0f, version: 1, length: 8, fields: [{ offset: 4, width: 4, value: 0x0000_0060 }] } as const
const vendor = {
  id: 0x09,
  length: 8,
  fields: [
    { offset: 2, width: 1, value: 8 },
    { offset: 4, width: 4, value: 0xdead_beef },
  ],
} as const

function withExtended(...extendedCapabilities: ExtendedCapabilityDeclaration[]) {
  return customFunction({
    capabilities: [powerManagement(true), vendor, pciExpress({ flr: true })],
    extendedCapabilities,
  })
}

const guestReader = (device: AssignedDevice, size = 4096): ConfigReader => ({
  size,
  read: (offset, width) => device.readConfig(offset, width),
})

describe('config space of an assigned device', () => {
  it('reads the same bytes whatever the width and alignment of the access', () => {
    const { device } = openModel('flr')
    for (let offset = 0; offset < 0x120; offset++) {
      const byte = (at: number) => device.readConfig(at, 1)
      assert.equal(device.readConfig(offset, 2), byte(offset) + byte(offset + 1) * 0x100, `word at ${offset}`)
      const dword = [0, 1, 2, 3].reduce((sum, i) => sum + byte(offset + i) * 2 ** (8 * i), 0)
      assert.equal(device.readConfig(offset, 4), dword, `dword at ${offset}`)
    }
  })

  it('passes through what it has no rule for', () => {
    const { device, fn } = openModel('flr')
    assert.equal(device.readConfig(0, 4), 0x0001_fffe)
    device.writeConfig(0x0c, 1, 0x40)
    assert.equal(fn.hardware.config.read(0x0c, 1), 0x40)
  })

  it('reads as all ones past the end of the space', () => {
    const { device } = openModel('edu')
    assert.equal(device.readConfig(0x100, 4), 0xffff_ffff)
    assert.equal(device.readConfig(0xfe, 4), device.readConfig(0xfe, 2) + 0xffff_0000)
    device.writeConfig(0x1000, 4, 1)
    device.writeConfig(-4, 4, 1)
    assert.equal(device.readConfig(-4, 4), 0xffff_ffff)
  })

  it('hides SR-IOV, ARI and Resizable BAR, and the chain goes on behind them', () => {
    const { device } = openOn(withExtended(ari, sriov, resizableBar, serialNumber(1, 2)))
    const walk = walkExtendedCapabilities(guestReader(device))
    assert.equal(walk.problem, undefined)
    assert.deepEqual(
      walk.entries.map(({ id }) => id),
      [0, 0, 0, 3],
    )
  })

  it('shows nothing of the body of what it hides, and lets no write reach it', () => {
    const { device, fn } = openOn(withExtended(resizableBar, serialNumber(1, 2)))
    assert.equal(device.readConfig(0x104, 4), 0)
    assert.equal(device.readConfig(0x108, 4), 0)
    device.writeConfig(0x108, 4, 0x0000_0f00)
    assert.equal(fn.hardware.config.read(0x108, 4), 0x0000_0520)
    assert.equal(device.readConfig(0x10c, 2), 0x0003, 'what comes after it is still there')
  })

  it('ends the chain where the last capability is hidden', () => {
    const { device } = openOn(withExtended(sriov))
    assert.equal(device.readConfig(0x100, 4), 0)
    assert.deepEqual(walkExtendedCapabilities(guestReader(device)), { entries: [] })
  })

  it('hides more where the policy says so', () => {
    const shown = openOn(withExtended(ats, serialNumber(1, 2)))
    assert.equal(shown.device.readConfig(0x100, 2), 0x0f)
    const { device } = openOn(withExtended(ats, serialNumber(1, 2)), {
      policy: { hide: { standard: ['vendor'], extended: ['ats'] } },
    })
    const walk = walkExtendedCapabilities(guestReader(device))
    assert.deepEqual(
      walk.entries.map(({ id }) => id),
      [0, 3],
    )
    const standard = walkCapabilities(guestReader(device)).entries
    assert.deepEqual(
      standard.map(({ id }) => id),
      [0x01, 0, 0x10],
    )
    const at = standard[1]?.offset ?? 0
    assert.equal(device.readConfig(at + 2, 1), 0)
    assert.equal(device.readConfig(at + 4, 4), 0)
  })

  it('ends a chain where the device breaks it', () => {
    const fn = withExtended(serialNumber(1, 2))
    // A pointer back to the first capability.
    fn.hardware.config.force(0x100, 4, 0x1001_0003)
    const { device } = openOn(fn)
    assert.equal(walkExtendedCapabilities(guestReader(device)).problem, undefined)
    assert.equal(device.readConfig(0x100, 4), 0x0001_0003)
  })

  it('clears the multi-function bit, unless the policy keeps it', () => {
    const multi = () => {
      const fn = withExtended()
      fn.hardware.config.force(0x0e, 1, 0x80)
      return fn
    }
    assert.equal(openOn(multi()).device.readConfig(0x0e, 1), 0)
    assert.equal(openOn(multi()).device.readConfig(0x0c, 4), 0)
    assert.equal(openOn(multi(), { policy: { keepMultiFunctionBit: true } }).device.readConfig(0x0e, 1), 0x80)
  })

  it('gives all ones and a few events when reads fail', async () => {
    const { device, fn, events } = openModel('flr')
    fn.faults.set('config-read-error', true)
    for (let i = 0; i < 100; i++) assert.equal(device.readConfig(0x08, 4), 0xffff_ffff)
    assert.equal(events.length, 5)
    assert.equal(events[0]?.kind, 'config-access-failed')
    await fn.clock.sleep(1000)
    device.readConfig(0x08, 4)
    assert.equal(events.length, 6)
    assert.equal(events[5]?.suppressed, 95)
  })

  it('does not make a device that is gone look alive', () => {
    const { device, fn } = openModel('flr')
    fn.faults.set('config-read-all-ones', true)
    assert.equal(device.readConfig(0x0c, 4), 0xffff_ffff)
    assert.equal(device.readConfig(0x08, 4), 0xffff_ffff)
  })

  it('drops writes that fail, with an event', () => {
    const { device, fn, events } = openModel('flr')
    fn.faults.set('config-write-error', true)
    device.writeConfig(0x04, 2, 0x6)
    assert.equal(device.readConfig(0x04, 2), 0)
    assert.equal(events[0]?.kind, 'config-access-failed')
  })

  it('never reads a byte of the hardware that the guest did not ask for', () => {
    const reads: number[] = []
    const { device } = openOn(withExtended(), {
      override: (fn) => ({
        config: {
          size: fn.config.size,
          write: (offset, width, value) => fn.config.write(offset, width, value),
          read: (offset, width) => {
            for (let i = 0; i < width; i++) reads.push(offset + i)
            return fn.config.read(offset, width)
          },
        },
      }),
    })
    reads.length = 0
    device.readConfig(0x2d, 4)
    assert.deepEqual(reads, [0x2d, 0x2e, 0x2f])
  })

  it('refuses a bridge', () => {
    const fn = withExtended()
    fn.hardware.config.force(0x0e, 1, 0x01)
    assert.throws(() => openOn(fn), { code: 'UNSUPPORTED', message: /^Cannot assign sim:custom: / })
  })
})
