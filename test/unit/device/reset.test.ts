import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DeviceState } from '../../../src/device/device-state.js'
import { fates, initialState, resetState } from '../../../src/device/device-state.js'
import { pciExpress } from '../../../src/kit/capabilities.js'
import { streamIdentity, streamRegister } from '../../../src/sim/models/stream-device.js'
import { customFunction, enableBar0, guestCapability, openModel, openOn } from './device-fixture.js'

const at = 0xe000_0000

const flrWrites = [
  { name: 'a word', offset: 8, width: 2, value: 0x8000 },
  { name: 'the upper byte', offset: 9, width: 1, value: 0x80 },
  { name: 'a dword, with Device Status', offset: 8, width: 4, value: 0x0000_a810 },
  { name: 'a dword that begins before it', offset: 6, width: 4, value: 0x8000_0000 },
  { name: 'a word that begins in it', offset: 9, width: 2, value: 0x0080 },
] as const

describe('a Function Level Reset that the guest makes', () => {
  for (const { name, offset, width, value } of flrWrites) {
    it(`goes through the reset procedure when it is written as ${name}`, async () => {
      const { device, fn, events } = openModel('flr')
      const pcie = guestCapability(device, 0x10)
      device.writeConfig(pcie + offset, width, value)
      await device.settled()
      const event = events.find(({ kind }) => kind === 'reset')
      assert.ok(event?.kind === 'reset' && event.cause === 'guest')
      assert.equal(event.report.verdict, 'clean')
      // The kernel's own, by its ioctl, and none that the bit set off.
      assert.equal(fn.ledger.entries.filter((entry) => entry.kind === 'reset').length, 1)
    })
  }

  it('is made by Advanced Features too', async () => {
    const { device, events } = openModel('af-flr')
    const af = guestCapability(device, 0x13)
    device.writeConfig(af + 4, 1, 1)
    assert.equal(device.readConfig(0, 4), 0xffff_ffff)
    await device.settled()
    assert.equal(events.find(({ kind }) => kind === 'reset')?.kind, 'reset')
    assert.equal(device.readConfig(0, 2), 0xfffe)
  })

  it('is not made where the device has none', async () => {
    const { device, events, fn, log } = openOn(customFunction({ capabilities: [pciExpress({ flr: false })] }))
    const pcie = guestCapability(device, 0x10)
    device.writeConfig(pcie + 8, 2, 0xa850)
    await device.settled()
    assert.deepEqual(events, [])
    assert.equal(fn.ledger.entries.filter((entry) => entry.kind === 'reset').length, 0)
    assert.deepEqual(log, [`config ${(pcie + 8).toString(16)}/2 = 0x2850`], 'the other bits are written')
  })

  it('has the guest find nobody until it is over', async () => {
    const { device, vmm, fn } = openModel('flr')
    enableBar0(device, at, 6)
    const trap = [...vmm.traps][0]
    device.writeConfig(guestCapability(device, 0x10) + 8, 2, 0x8000)
    assert.equal(device.readConfig(0, 4), 0xffff_ffff)
    assert.equal(vmm.traps.size, 0, 'its next access finds no BAR')
    assert.equal(fn.hardware.busMaster, false)
    device.writeConfig(0x04, 2, 7)
    trap?.handler.write(BigInt(streamRegister.doorbell), Uint8Array.of(1, 0, 0, 0))
    assert.equal(fn.hardware.logic.busy, false)
    await device.settled()
    assert.equal(device.readConfig(0, 4), 0x0001_fffe)
    assert.equal(fn.ledger.entries.filter((entry) => entry.kind === 'misuse').length, 0)
  })

  it('leaves the registers as the specifications demand', async () => {
    const { device, vmm } = openModel('flr')
    const msix = guestCapability(device, 0x11)
    const pcie = guestCapability(device, 0x10)
    enableBar0(device, at, 0x547)
    device.writeConfig(0x3c, 1, 11)
    vmm.write32(BigInt(at) + 0x2000n, 0xfee0_0000)
    vmm.write32(BigInt(at) + 0x200cn, 0)
    device.writeConfig(msix + 2, 2, 0x8000)
    assert.equal(vmm.openRoutes, 1)
    device.writeConfig(pcie + 8, 2, 0x8000)
    await device.settled()
    assert.equal(device.readConfig(0x04, 2), 0)
    assert.equal(device.readConfig(0x10, 4), 0x0c)
    assert.equal(device.readConfig(0x3c, 1), 0)
    assert.equal(device.readConfig(msix + 2, 2), 3)
    assert.equal(vmm.openRoutes + vmm.traps.size, 0)
    enableBar0(device, at)
    assert.equal(vmm.read32(BigInt(at) + 0x2000n), 0)
    assert.equal(vmm.read32(BigInt(at) + 0x200cn), 1)
    assert.equal(device.inspect().interrupts.kind, 'intx')
  })

  it('takes the BARs out between Bus Master and Memory Space being cleared', async () => {
    const { device, log } = openModel('flr')
    enableBar0(device, at, 6)
    log.length = 0
    device.writeConfig(guestCapability(device, 0x10) + 8, 2, 0x8000)
    await device.settled()
    assert.deepEqual(log.slice(0, 3), ['config 4/2 = 0x2', 'untrap memory 0xe0000000 0x4000', 'config 4/2 = 0x0'])
  })

  it('passes other bits of Device Control on', () => {
    const { device, fn } = openModel('flr')
    const pcie = guestCapability(device, 0x10)
    device.writeConfig(pcie + 8, 2, 0x2850)
    assert.equal(fn.hardware.config.read(pcie + 8, 2), 0x2850)
    assert.equal(device.readConfig(pcie + 8, 2), 0x2850)
  })
})

describe('a reset of the machine', () => {
  it('stops the DMA of the guest and gives a report', async () => {
    const { device, fn, vmm } = openModel('flr')
    using memory = fn.dma.allocate(4096n)
    using _ = fn.dma.map(0n, memory, 'read-write')
    enableBar0(device, at, 6)
    vmm.write32(BigInt(at + streamRegister.length), 4096)
    vmm.write32(BigInt(at + streamRegister.pattern), 0xaaaa_0000)
    vmm.write32(BigInt(at + streamRegister.doorbell), 1)
    await fn.clock.sleep(10)
    assert.ok(
      memory.bytes.some((byte) => byte === 0xaa),
      'it was in flight',
    )
    const report = await device.reset()
    assert.equal(report.verdict, 'clean')
    memory.bytes.fill(0)
    await fn.clock.sleep(1000)
    assert.ok(memory.bytes.every((byte) => byte === 0))
    assert.equal(device.inspect().lastReset, 'clean')
    assert.equal(device.isUsable, true)
  })

  it('comes after a reset of the guest that is going on', async () => {
    const { device, events, fn } = openModel('flr')
    device.writeConfig(guestCapability(device, 0x10) + 8, 2, 0x8000)
    const report = await device.reset()
    assert.equal(report.verdict, 'clean')
    assert.deepEqual(
      events.flatMap((event) => (event.kind === 'reset' ? [event.cause] : [])),
      ['guest', 'owner'],
    )
    assert.equal(fn.ledger.entries.filter((entry) => entry.kind === 'misuse').length, 0)
  })

  it('wakes a device that the guest left in D3hot', async () => {
    const { device, vmm } = openModel('flr')
    device.writeConfig(guestCapability(device, 0x01) + 4, 2, 3)
    await device.reset()
    assert.equal(device.inspect().powerState, 0)
    enableBar0(device, at)
    assert.equal(vmm.read32(BigInt(at)), streamIdentity)
  })

  it('leaves Memory Space on in the hardware where the policy says so', async () => {
    const { device, fn } = openModel('flr', { policy: { keepMemoryEnabled: true } })
    enableBar0(device, at, 6)
    await device.reset()
    assert.equal(fn.hardware.command & 7, 2)
    assert.equal(device.readConfig(0x04, 2), 0)
  })

  it('is refused once the device is closed', async () => {
    const { device } = openModel('flr')
    await device.close()
    await assert.rejects(device.reset(), { code: 'CLOSED' })
  })
})

describe('a device in quarantine', () => {
  const quiet = { resetPolicy: { requireReset: true } }

  it('stays quiet whatever the guest writes', async () => {
    const { device, fn, vmm, events } = openModel('no-reset', quiet)
    enableBar0(device, at, 7)
    const report = await device.reset()
    assert.equal(report.verdict, 'quiesced')
    assert.equal(device.isUsable, false)
    assert.equal(events.at(-1)?.kind, 'quarantined')
    const entries = fn.ledger.entries.length
    for (let offset = 0; offset < 256; offset++) device.writeConfig(offset, 1, 0xff)
    for (let offset = 0; offset < 256; offset += 4) device.writeConfig(offset, 4, 0xffff_ffff)
    enableBar0(device, at, 7)
    assert.equal(fn.hardware.command & 7, 0)
    assert.equal(vmm.traps.size, 0)
    assert.equal(device.readConfig(0x04, 2) & 7, 0)
    assert.equal(device.inspect().interrupts.kind, null)
    assert.deepEqual(
      fn.ledger.entries.slice(entries).filter((entry) => entry.kind === 'config-write'),
      [],
    )
    assert.equal(device.readConfig(0, 2), 0xfffe, 'it still says who it is')
  })

  it('is used again where the policy asks for no reset', async () => {
    const { device } = openModel('no-reset')
    assert.equal((await device.reset()).verdict, 'quiesced')
    assert.equal(device.isUsable, true)
  })

  it('ends with a reset that leaves the device clean', async () => {
    const { device, fn, vmm } = openModel('flr', quiet)
    fn.faults.set('reset-fails', 'EIO')
    fn.faults.set('hot-reset-fails', 'EIO')
    assert.equal((await device.reset()).reusable, false)
    fn.faults.clear('reset-fails')
    device.writeConfig(guestCapability(device, 0x10) + 8, 2, 0x8000)
    await device.settled()
    assert.equal(device.isUsable, true)
    enableBar0(device, at)
    assert.equal(vmm.read32(BigInt(at)), streamIdentity)
  })

  it('does not end as long as the device is contained, which a clean reset ends', async () => {
    const { device, fn } = openModel('flr')
    enableBar0(device, at, 6)
    fn.faults.set('bus-master-stuck', true)
    assert.equal((await device.reset()).verdict, 'contained')
    fn.faults.clear('bus-master-stuck')
    fn.faults.setAll({ 'reset-fails': 'EIO', 'hot-reset-fails': 'EIO' })
    assert.equal((await device.reset()).verdict, 'quiesced')
    assert.equal(device.isUsable, false, 'quiet, but not reset: no proof')
    assert.match(device.inspect().quarantine ?? '', /IOMMU/)
    assert.equal(device.inspect().contained, true)
    fn.faults.clear('reset-fails')
    assert.equal((await device.reset()).verdict, 'clean')
    assert.equal(device.isUsable, true)
    assert.equal(device.inspect().contained, false)
    enableBar0(device, at, 6)
    assert.equal(fn.hardware.busMaster, true)
  })

  it('is not touched while a reset is stuck in the kernel', async () => {
    const { device, fn } = openModel('never-returns', { resetPolicy: { methodTimeoutMs: 100 } })
    await device.reset()
    assert.equal(device.isUsable, false)
    const misuses = () => fn.ledger.entries.filter((entry) => entry.kind === 'misuse').length
    const before = misuses()
    assert.equal(device.readConfig(0, 4), 0xffff_ffff)
    device.writeConfig(0x04, 2, 7)
    assert.equal(misuses(), before)
  })
})

describe('what a reset does to the state', () => {
  const shape = { msixVectors: 3 }

  it('is said, with a reason, of every field', () => {
    assert.deepEqual(Object.keys(fates).sort(), Object.keys(initialState(shape)).sort())
    for (const [field, { reason }] of Object.entries(fates)) assert.ok(reason.length > 10, field)
  })

  it('is done as it is said', () => {
    const used: DeviceState = {
      ...initialState(shape),
      phase: 'resetting',
      quarantine: { reason: 'a test', stuck: false },
      contained: true,
      command: 7,
      interruptLine: 5,
      bars: [1, 2, 3, 4, 5, 6],
      rom: 1,
      powerState: 3,
      msixControl: 0x8000,
      msixTable: new Uint8Array(48).fill(7),
      msixPending: new Uint8Array(3).fill(1),
      msiControl: 1,
      msiAddress: 1n,
      msiData: 1,
      msiMask: 1,
      msiPending: 1,
    }
    const before = { ...used }
    const fresh = initialState(shape)
    resetState(used, shape)
    for (const [field, { onReset }] of Object.entries(fates)) {
      const key = field as keyof DeviceState
      assert.deepEqual(used[key], onReset === 'kept' ? before[key] : fresh[key], field)
    }
  })
})
