import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AssignedDevice, type AssignedDeviceOptions, type Companion } from '../../../src/device/assigned-device.js'
import type { ReportedDeviceEvent } from '../../../src/device/device-event.js'
import { resetAssignedDevices } from '../../../src/device/reset-assigned-devices.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { SimulatedMachine } from '../../../src/sim/simulated-machine.js'
import { enableBar0, guestCapability } from './device-fixture.js'
import { RecordingVmm } from './recording-vmm.js'

const at = 0xe000_0000

/** Two functions of one bus, which only a reset of that bus can reset, both in use. */
function siblings(options: AssignedDeviceOptions = {}, asFunctions = false) {
  const machine = new SimulatedMachine()
  const devices: Companion[] = []
  const open = (model: string) => {
    const fn = createSimulatedFunction(model, { machine })
    const vmm = new RecordingVmm()
    const events: ReportedDeviceEvent[] = []
    const device = AssignedDevice.open(fn, vmm, {
      companions: () => devices,
      ...options,
      onEvent: (event) => events.push(event),
    })
    devices.push(asFunctions ? fn : device)
    enableBar0(device, at, 6)
    device.writeConfig(0x3c, 1, 11)
    return { fn, vmm, events, device }
  }
  return { machine, first: open('siblings.0'), second: open('siblings.1') }
}

const misuses = (fn: { ledger: { of(kind: 'misuse'): readonly unknown[] } }): number => fn.ledger.of('misuse').length

describe('a device that a hot reset takes along', () => {
  for (const asFunctions of [false, true]) {
    it(`is reset as its guest sees it, named by its ${asFunctions ? 'function' : 'assigned device'}`, async () => {
      const { first, second } = siblings({}, asFunctions)
      const reset = first.device.reset()
      const report = await reset
      assert.deepEqual(report.attempts.map(({ method, result }) => [method, result]).at(-1), ['hot', 'ok'])
      await second.device.settled()
      assert.equal(second.device.readConfig(0x04, 2) & 7, 0)
      assert.equal(second.device.readConfig(0x3c, 1), 0)
      assert.equal(second.device.readConfig(0x10, 4) & ~0xf, 0)
      assert.equal(second.vmm.traps.size, 0)
      assert.equal(second.device.isUsable, true)
      const [event, ...others] = second.events
      assert.ok(event?.kind === 'reset' && event.cause === 'companion')
      assert.deepEqual(others, [])
      assert.equal(event.report.verdict, 'clean')
      assert.match(event.report.attempts[0]?.reason ?? '', /made by sim:siblings\.0/)
      enableBar0(second.device, at, 6)
      assert.equal(second.fn.hardware.busMaster, true)
      assert.equal(misuses(first.fn) + misuses(second.fn), 0)
    })
  }

  it('is left alone by a reset that is none of the bus', async () => {
    const machine = new SimulatedMachine()
    const other = AssignedDevice.open(createSimulatedFunction('af-flr', { machine }), new RecordingVmm())
    const device = AssignedDevice.open(createSimulatedFunction('flr', { machine }), new RecordingVmm(), {
      companions: [other],
    })
    enableBar0(other, at, 6)
    await device.reset()
    assert.equal(other.readConfig(0x04, 2) & 7, 6)
  })

  it('finds nobody in its guest while the reset goes on', async () => {
    const { first, second } = siblings()
    second.vmm.refuse = (line) => {
      // The BAR is just being taken: nobody answers from here on.
      if (line.startsWith('untrap')) assert.equal(second.device.readConfig(0, 4), 0xffff_ffff)
      return false
    }
    const reset = first.device.reset()
    assert.equal(second.device.readConfig(0, 2), 0xfffe, 'not before it is taken along')
    await reset
    await second.device.settled()
    assert.equal(second.vmm.traps.size, 0)
  })

  it('is in quarantine where it cannot be shown to be quiet afterwards', async () => {
    const { first, second } = siblings()
    second.fn.faults.set('reset-falls-off', true)
    await first.device.reset()
    await second.device.settled()
    assert.equal(second.device.isUsable, false)
    assert.equal(second.device.inspect().contained, true)
    assert.equal(second.events.at(-1)?.kind, 'quarantined')
  })

  it('is contained and not touched while that reset is stuck in the kernel', async () => {
    const { first, second } = siblings({ resetPolicy: { methodTimeoutMs: 100 } })
    first.fn.faults.set('hot-reset-never-returns', true)
    assert.equal((await first.device.reset()).verdict, 'contained')
    await second.device.settled()
    assert.equal(second.device.inspect().lastReset, 'contained')
    assert.equal(second.device.isUsable, false)
    const before = misuses(second.fn)
    assert.equal(second.device.readConfig(0, 4), 0xffff_ffff)
    second.device.writeConfig(0x04, 2, 7)
    assert.equal(misuses(second.fn), before)
    assert.equal(before, 0)
  })

  it('takes turns with the other, whoever asks first', async () => {
    const { first, second } = siblings()
    const reports = await Promise.all([first.device.reset(), second.device.reset(), first.device.reset()])
    assert.deepEqual(
      reports.map(({ verdict }) => verdict),
      ['clean', 'clean', 'clean'],
    )
    await Promise.all([first.device.settled(), second.device.settled()])
    assert.equal(misuses(first.fn) + misuses(second.fn), 0)
    assert.ok(first.device.isUsable && second.device.isUsable)
  })

  it('is out of its guest before that, also while it is being closed', async () => {
    const { first, second } = siblings()
    const { fn } = first
    const hotReset = fn.hotReset.bind(fn)
    let left: number | undefined
    fn.hotReset = () => {
      left = second.vmm.traps.size
      return hotReset()
    }
    const reset = first.device.reset()
    const closed = second.device.close()
    await Promise.all([reset, closed])
    assert.equal(left, 0)
  })

  it('can be closed while it is taken along', async () => {
    const { first, second } = siblings()
    const reset = first.device.reset()
    const closed = second.device.close()
    await Promise.all([reset, closed])
    assert.equal(second.device.inspect().phase, 'closed')
    assert.throws(() => second.fn.config.read(0, 4), { code: 'CLOSED' })
  })
})

describe('the devices of a machine that is reset', () => {
  it('find each other, and each has the report of what happened last', async () => {
    const { first, second } = siblings({ companions: [], resetPolicy: { requireReset: true } })
    const results = await resetAssignedDevices([first.device, second.device])
    assert.deepEqual(
      results.map((result) => 'report' in result && [result.report.device, result.report.verdict]),
      [
        ['sim:siblings.0', 'clean'],
        ['sim:siblings.1', 'clean'],
      ],
    )
    assert.ok(first.device.isUsable && second.device.isUsable)
    assert.ok(first.events.some((event) => event.kind === 'reset' && event.cause === 'companion'))
    const [result] = results
    assert.ok(result !== undefined && 'report' in result)
    assert.ok(result.report.steps.some(({ what }) => what.startsWith('look again after the hot reset of')))
    assert.equal(misuses(first.fn) + misuses(second.fn), 0)
  })

  it('are out of reach of the guest at once, all of them', async () => {
    const { first, second } = siblings({ companions: [] })
    const reset = resetAssignedDevices([first.device, second.device])
    assert.deepEqual(
      [first, second].map(({ device }) => device.readConfig(0, 4)),
      [0xffff_ffff, 0xffff_ffff],
    )
    // The first is done, and the second may take it along yet.
    while (first.events.length === 0) await new Promise(setImmediate)
    assert.equal(first.device.readConfig(0, 4), 0xffff_ffff)
    first.device.writeConfig(0x04, 2, 7)
    await reset
    assert.equal(first.device.readConfig(0, 2), 0xfffe)
    assert.equal(first.device.readConfig(0x04, 2) & 7, 0)
    assert.equal(first.device.inspect().interrupts.kind, 'intx')
  })

  it('are all reset, whichever of them is closed', async () => {
    const { first, second } = siblings({ companions: [] })
    await first.device.close()
    const [closed, reset] = await resetAssignedDevices([first.device, second.device])
    assert.ok(closed !== undefined && 'error' in closed)
    assert.match(String(closed.error), /it is closed/)
    assert.ok(reset !== undefined && 'report' in reset)
  })

  it('are reset at the same time where no bus reset reaches both', async () => {
    const machine = new SimulatedMachine()
    const devices = ['flr', 'af-flr', 'edu'].map((model) => {
      const device = AssignedDevice.open(createSimulatedFunction(model, { machine }), new RecordingVmm())
      enableBar0(device, at, 6)
      return device
    })
    const together = machine.clock.now()
    await resetAssignedDevices(devices)
    const took = machine.clock.now() - together
    let alone = 0
    for (const device of devices) {
      const start = machine.clock.now()
      await device.reset()
      alone += machine.clock.now() - start
    }
    assert.ok(took < alone, `${took} us together, ${alone} us one after the other`)
  })

  it('may be reset by the guest before: that comes first', async () => {
    const { first, second } = siblings({ companions: [] })
    const machine = new SimulatedMachine()
    const own = AssignedDevice.open(createSimulatedFunction('flr', { machine }), new RecordingVmm())
    own.writeConfig(guestCapability(own, 0x10) + 8, 2, 0x8000)
    const results = await resetAssignedDevices([first.device, own, second.device])
    assert.ok(results.every((result) => 'report' in result && result.report.verdict === 'clean'))
    assert.ok(own.isUsable)
  })
})
