import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AssignedDevice } from '../../../src/device/assigned-device.js'
import type { ReportedDeviceEvent } from '../../../src/device/device-event.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { simulatedModels } from '../../../src/sim/models/simulated-models.js'
import { enableBar0, guestCapability, openModel, withInterrupts } from './device-fixture.js'
import { RecordingVmm } from './recording-vmm.js'

const at = 0xe000_0000

describe('an assigned device', () => {
  for (const model of simulatedModels.keys()) {
    it(`opens and closes on ${model}, and nothing is left in the VMM`, async () => {
      const { device, vmm, fn } = openModel(model)
      enableBar0(device, at, 7)
      await device.close()
      assert.equal(vmm.traps.size + vmm.maps.size + vmm.openRoutes + vmm.openLines, 0)
      assert.equal(fn.hardware.busMaster, fn.faults.get('bus-master-stuck'))
      assert.throws(() => fn.config.read(0, 4), { code: 'CLOSED' })
    })
  }

  it('begins off the bus, and shows the guest no address', () => {
    const fn = createSimulatedFunction('flr')
    assert.notEqual(fn.hardware.command & 7, 0, 'as the kernel opens it')
    const device = AssignedDevice.open(fn, new RecordingVmm())
    assert.equal(fn.hardware.command & 7, 0)
    assert.equal(device.readConfig(0x10, 4) & ~0xf, 0)
  })

  it('is closed in order: Bus Master, BARs, decoders', async () => {
    const { device, log } = openModel('flr')
    enableBar0(device, at, 6)
    log.length = 0
    await device.close()
    assert.deepEqual(log, ['config 4/2 = 0x2', 'untrap memory 0xe0000000 0x4000', 'config 4/2 = 0x0'])
  })

  it('is closed once', async () => {
    const { device } = openModel('flr')
    await Promise.all([device.close(), device.close()])
    await device.close()
    assert.equal(device.inspect().phase, 'closed')
  })

  it('answers nobody once it is closed', async () => {
    const { device, vmm } = openModel('flr')
    enableBar0(device, at)
    const trap = [...vmm.traps][0]
    await device.close()
    assert.equal(device.readConfig(0, 4), 0xffff_ffff)
    device.writeConfig(0x04, 2, 7)
    device.writeConfig(0x10, 4, at)
    const bytes = new Uint8Array(4)
    trap?.handler.read(0n, bytes)
    assert.deepEqual(bytes, new Uint8Array(4).fill(0xff))
  })

  it('cuts a reset short that is going on when it is closed', async () => {
    const { device, vmm } = openModel('flr', {})
    enableBar0(device, at, 6)
    device.writeConfig(guestCapability(device, 0x10) + 8, 2, 0x8000)
    await device.close()
    assert.equal(device.inspect().phase, 'closed')
    assert.equal(vmm.traps.size, 0)
  })

  it('is closed without a complaint also where that reset is still in the kernel', async () => {
    const { device, fn, events } = openModel('flr', { resetPolicy: { methodTimeoutMs: 100 } })
    fn.faults.set('reset-never-returns', true)
    fn.faults.set('hot-reset-never-returns', true)
    await Promise.all([device.reset(), device.reset()])
    await device.close()
    const before = events.length
    fn.faults.clear('reset-never-returns')
    await fn.clock.sleep(10_000)
    assert.equal(events.length, before)
  })

  it('releases everything also where the VMM fails, and says so', async () => {
    const { device, vmm, fn } = openModel('flr')
    enableBar0(device, at, 6)
    vmm.refuse = (line) => line.startsWith('untrap')
    await assert.rejects(device.close(), /refused/)
    assert.equal(fn.hardware.busMaster, false)
    assert.equal(vmm.openLines, 0)
    assert.throws(() => fn.config.read(0, 4), { code: 'CLOSED' })
  })

  it('leaves the function with the caller where it cannot be opened', () => {
    const fn = createSimulatedFunction('flr')
    const vmm = new RecordingVmm()
    fn.faults.set('config-write-error', true)
    assert.throws(() => AssignedDevice.open(fn, vmm), { code: 'CONFIG_ACCESS' })
    assert.equal(vmm.openLines, 0)
    assert.equal(fn.config.read(0, 2), 0xfffe)
  })

  it('tells that the kernel wants it back, and its owner closes it', async () => {
    const fn = createSimulatedFunction('flr')
    const vmm = new RecordingVmm()
    const events: ReportedDeviceEvent[] = []
    const closed = new Promise<void>((resolve, reject) => {
      const device = AssignedDevice.open(fn, vmm, {
        onEvent: (event) => {
          events.push(event)
          if (event.kind === 'release-requested') device.close().then(resolve, reject)
        },
      })
      enableBar0(device, at, 6)
    })
    assert.ok(fn.interrupts.signalOwner('req'), 'somebody listens')
    await closed
    assert.deepEqual(events, [{ kind: 'release-requested', suppressed: 0 }])
    assert.throws(() => fn.config.read(0, 4), { code: 'CLOSED' })
    assert.equal(fn.hardware.busMaster, false)
    assert.equal(vmm.traps.size + vmm.openLines, 0)
    assert.equal(fn.interrupts.signalOwner('req'), false, 'nobody listens any more')
  })

  it('tells of an uncorrectable error, and goes on as the owner decides', async () => {
    const { device, fn, events } = openModel('flr')
    assert.ok(fn.interrupts.signalOwner('err'))
    assert.deepEqual(events, [{ kind: 'device-error', suppressed: 0 }])
    assert.equal(device.isUsable, true)
    await device.reset()
    assert.ok(fn.interrupts.signalOwner('err'), 'a reset leaves it listening')
  })

  it('listens to what there is: a function without PCI Express has no ERR', () => {
    const { fn } = openModel('flr', {
      override: (fn) => ({
        interrupts: withInterrupts(fn, {
          info: (kind) => (kind === 'err' ? { ...fn.interrupts.info(kind), count: 0 } : fn.interrupts.info(kind)),
        }),
      }),
    })
    assert.equal(fn.interrupts.signalOwner('err'), false)
    assert.equal(fn.interrupts.signalOwner('req'), true)
  })

  it('shows its whole state as a plain tree', () => {
    const { device } = openModel('flr')
    enableBar0(device, at, 6)
    const tree = device.inspect()
    assert.deepEqual(JSON.parse(JSON.stringify(tree)), tree)
    assert.equal(tree.command, '0x0006')
    assert.deepEqual(tree.bars[0], {
      index: 0,
      kind: 'memory',
      is64Bit: true,
      size: '0x4000',
      pinned: false,
      address: '0xe0000000',
      pieces: [{ how: 'trapped', offset: '0x0', size: '0x4000' }],
    })
    assert.equal(tree.interrupts.msix?.vectors.length, 4)
    assert.deepEqual(tree.overlay[0], { dword: '0x004', kind: 'watched', what: 'Command' })
  })
})
