// What the VMM and the owner lend may fail, and may call back in the middle of anything. The guest notices neither, and no
// device is left half in its hands.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AssignedDevice } from '../../../src/device/assigned-device.js'
import { resetAssignedDevices } from '../../../src/device/reset-assigned-devices.js'
import type { MessageRoute } from '../../../src/device/vmm.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { streamRegister } from '../../../src/sim/models/stream-device.js'
import { SimulatedMachine } from '../../../src/sim/simulated-machine.js'
import { enableBar0, guestCapability, type OpenDevice, openModel, openOn } from './device-fixture.js'
import { page, RecordingDmaSpace } from './recording-dma-space.js'
import { ChangingMemory, RecordingVmm } from './recording-vmm.js'

const at = 0xe000_0000
const table = BigInt(at) + 0x2000n
const enable = 0x8000
const initiateFlr = 0x8000

function refuse(): never {
  throw new Error('refused by the VMM')
}

const kinds = ({ events }: OpenDevice): string[] => events.map(({ kind }) => kind)

/** Every vector programmed and unmasked, MSI-X not enabled. */
function programmed(model = 'flr') {
  const open = openModel(model)
  enableBar0(open.device, at, 6)
  for (let vector = 0n; vector < 4n; vector++) {
    open.vmm.write32(table + 16n * vector, 0xfee0_0000)
    open.vmm.write32(table + 16n * vector + 8n, Number(vector))
    open.vmm.write32(table + 16n * vector + 12n, 0)
  }
  const control = guestCapability(open.device, 0x11) + 2
  const enableMsix = () => open.device.writeConfig(control, 2, enable)
  const raise = (vector: number) => open.vmm.write32(BigInt(at + streamRegister.interrupt), vector)
  return { ...open, enableMsix, raise }
}

/** Replaces parts of every route that is opened from here on. */
function changeRoutes(vmm: RecordingVmm, parts: Partial<MessageRoute>): void {
  const { openMessage } = vmm.interrupts
  vmm.interrupts.openMessage = () => ({ ...openMessage(), ...parts })
}

describe('interrupts where the VMM fails', () => {
  it('leave out the vector that has no way into the guest, and the others work', () => {
    const open = programmed()
    const { openMessage } = open.vmm.interrupts
    let routes = 0
    open.vmm.interrupts.openMessage = () => (++routes === 2 ? refuse() : openMessage())
    open.enableMsix()
    assert.deepEqual(kinds(open), ['interrupts-failed'])
    for (const vector of [0, 1, 3]) open.raise(vector)
    assert.deepEqual(
      open.vmm.messages.map(({ data }) => data),
      [0, 3],
    )
  })

  it('leave out a vector whose message is refused', () => {
    const open = programmed()
    changeRoutes(open.vmm, { setMessage: refuse })
    open.enableMsix()
    assert.ok(kinds(open).includes('interrupts-failed'))
    open.raise(0)
    assert.deepEqual(open.vmm.messages, [])
  })

  it('do not fail the guest that unmasks what is pending', () => {
    const open = programmed()
    open.enableMsix()
    changeRoutes(open.vmm, { trigger: refuse })
    const mask = (vector: bigint, masked: number) => open.vmm.write32(table + 16n * vector + 12n, masked)
    open.device.writeConfig(guestCapability(open.device, 0x11) + 2, 2, 0)
    open.enableMsix()
    mask(1n, 1)
    open.raise(1)
    mask(1n, 0)
    assert.ok(kinds(open).includes('interrupts-failed'))
  })

  it('do not keep the device in its reset where routes or the line are not taken back', async () => {
    const open = programmed()
    changeRoutes(open.vmm, { [Symbol.dispose]: refuse })
    open.enableMsix()
    const report = await open.device.reset()
    assert.equal(report.verdict, 'clean')
    assert.equal(open.device.isUsable, true)
    assert.equal(open.device.inspect().interrupts.kind, 'intx')
  })

  it('do not keep other devices from being told that memory is missing', () => {
    const memory = new ChangingMemory()
    const space = new RecordingDmaSpace()
    const vmms = [new RecordingVmm([], memory), new RecordingVmm([], memory)]
    for (const { interrupts } of vmms) {
      const { openLine } = interrupts
      interrupts.openLine = (pin, onResample) => ({ ...openLine(pin, onResample), lower: refuse })
    }
    const devices = vmms.map((vmm) => openModel('flr', { vmm, override: () => ({ dma: space }) }))
    space.refuse = (line) => line.startsWith('map')
    memory.change([{ guestAddress: 0n, size: page, access: 'read', backing: { fd: 3, offset: 0n } }])
    assert.deepEqual(
      devices.map(({ device }) => device.isUsable),
      [false, false],
    )
  })
})

describe('an owner that fails', () => {
  it('does not fail the guest, and hears of it itself', (t) => {
    const later: (() => void)[] = []
    t.mock.method(globalThis, 'queueMicrotask', (task: () => void) => later.push(task))
    const fn = createSimulatedFunction('flr')
    const device = AssignedDevice.open(fn, new RecordingVmm(), { onEvent: refuse })
    fn.faults.set('config-read-error', true)
    assert.equal(device.readConfig(0, 4), 0xffff_ffff)
    assert.equal(later.length, 1)
    assert.throws(() => later[0]?.(), /refused/)
  })

  it('puts a device in quarantine where it cannot say what a reset takes along', async () => {
    const open = openModel('flr', { companions: refuse })
    enableBar0(open.device, at, 6)
    open.device.writeConfig(guestCapability(open.device, 0x10) + 8, 2, initiateFlr)
    await open.device.settled()
    assert.equal(open.device.isUsable, false)
    assert.equal(open.fn.hardware.busMaster, false)
    assert.equal(open.vmm.traps.size, 0)
    assert.match(open.device.inspect().quarantine ?? '', /refused/)
    await assert.rejects(open.device.reset(), /refused/)
    await open.device.close()
  })

  it('can open devices after one that it could not tell of changes of memory', () => {
    const memory = new ChangingMemory()
    const vmm = new RecordingVmm([], memory)
    const fn = createSimulatedFunction('flr')
    const { onChange } = memory
    memory.onChange = refuse
    assert.throws(() => AssignedDevice.open(fn, vmm), /refused/)
    memory.onChange = onChange
    AssignedDevice.open(fn, vmm)
    assert.equal(memory.listeners.size, 1)
  })

  it('is told why a device was not opened, also where its memory cannot be unmapped any more', () => {
    const space = new RecordingDmaSpace()
    const memory = new ChangingMemory([
      { guestAddress: 0n, size: page, access: 'read', backing: { fd: 3, offset: 0n } },
    ])
    space.refuse = (line) => line.startsWith('unmap')
    const open = () =>
      openModel('flr', {
        vmm: new RecordingVmm([], memory),
        policy: { pinnedBars: { 5: 0x1000n } },
        override: () => ({ dma: space }),
      })
    assert.throws(open, { code: 'USAGE' })
  })

  it('cannot assign a function twice', () => {
    const fn = createSimulatedFunction('flr')
    const device = AssignedDevice.open(fn, new RecordingVmm())
    assert.throws(() => AssignedDevice.open(fn, new RecordingVmm()), { code: 'USAGE' })
    assert.equal(device.isUsable, true)
  })
})

describe('a machine with a device whose function its owner has taken away', () => {
  it('is reset all the same, and no device of it stays out of reach', async () => {
    const machine = new SimulatedMachine()
    const [gone, there] = ['flr', 'af-flr'].map((model) => {
      const fn = createSimulatedFunction(model, { machine })
      return { fn, device: AssignedDevice.open(fn, new RecordingVmm()) }
    })
    assert.ok(gone !== undefined && there !== undefined)
    gone.fn[Symbol.dispose]()
    const [refused, reset] = await resetAssignedDevices([gone.device, there.device])
    assert.ok(refused !== undefined && 'error' in refused)
    assert.ok(reset !== undefined && 'report' in reset)
    assert.deepEqual([gone.device.isUsable, there.device.isUsable], [false, true])
  })
})

describe('a VMM that calls back in the middle', () => {
  it('does not get back a BAR of a device that it has put in quarantine meanwhile', () => {
    const memory = new ChangingMemory()
    const space = new RecordingDmaSpace()
    const vmm = new RecordingVmm([], memory)
    const { device } = openModel('flr', { vmm, override: () => ({ dma: space }) })
    vmm.refuse = (line) => {
      if (!line.startsWith('trap')) return false
      space.refuse = () => true
      memory.change([{ guestAddress: 0n, size: page, access: 'read', backing: { fd: 3, offset: 0n } }])
      return false
    }
    enableBar0(device, at, 6)
    assert.equal(device.isUsable, false)
    assert.equal(vmm.traps.size, 0)
  })

  it('does not get back a BAR of a device that it resets meanwhile', async () => {
    const vmm = new RecordingVmm()
    const { device } = openModel('flr', { vmm })
    let reset: Promise<unknown> | undefined
    vmm.refuse = (line) => {
      if (line.startsWith('trap')) reset ??= device.reset()
      return false
    }
    enableBar0(device, at, 6)
    assert.equal(vmm.traps.size, 0)
    await reset
    assert.equal(device.isUsable, true)
    enableBar0(device, at, 6)
    assert.equal(vmm.traps.size, 1)
  })

  it('finds every BAR placed once where it moves one meanwhile', () => {
    const vmm = new RecordingVmm()
    const { device } = openModel('flr', { vmm })
    vmm.refuse = (line) => {
      if (line.startsWith(`trap memory 0x${at.toString(16)}`)) device.writeConfig(0x10, 4, at + 0x10_0000)
      return false
    }
    enableBar0(device, at, 6)
    assert.deepEqual(
      [...vmm.traps].map(({ address }) => address),
      [BigInt(at + 0x10_0000)],
    )
  })
})

describe('the order of taking over and giving back', () => {
  it('has the device off the bus before the memory of the guest is mapped', () => {
    const space = new RecordingDmaSpace()
    const memory = new ChangingMemory([
      { guestAddress: 0n, size: page, access: 'read', backing: { fd: 3, offset: 0n } },
    ])
    const fn = createSimulatedFunction('flr')
    fn.config.write(0x04, 2, 6)
    let wasOnBus: boolean | undefined
    space.changed = () => {
      wasOnBus ??= fn.hardware.busMaster
    }
    openOn(fn, { vmm: new RecordingVmm([], memory), override: () => ({ dma: space }) })
    assert.equal(wasOnBus, false)
  })

  it('takes the BARs of a device that waits for its turn at once', async () => {
    const machine = new SimulatedMachine()
    const devices: AssignedDevice[] = []
    const [first, second] = ['siblings.0', 'siblings.1'].map((model) => {
      const vmm = new RecordingVmm()
      const fn = createSimulatedFunction(model, { machine })
      const device = AssignedDevice.open(fn, vmm, { companions: () => devices })
      devices.push(device)
      enableBar0(device, at, 6)
      return { device, vmm }
    })
    const resets = [first?.device.reset(), second?.device.reset()]
    assert.equal(second?.device.readConfig(0, 4), 0xffff_ffff)
    assert.equal(second?.vmm.traps.size, 0)
    await Promise.all(resets)
  })

  it('contains a device at the end of its reset where it still reaches what is not the guest’s any more', async () => {
    const space = new RecordingDmaSpace()
    const ram = { guestAddress: 0n, size: page, access: 'read', backing: { fd: 3, offset: 0n } } as const
    const memory = new ChangingMemory([ram])
    const { device, fn } = openModel('flr', { vmm: new RecordingVmm([], memory), override: () => ({ dma: space }) })
    const reset = device.reset()
    space.refuse = (line) => line.startsWith('unmap')
    memory.change([])
    await reset
    assert.equal(device.isUsable, false)
    assert.equal(device.inspect().contained, true)
    assert.equal(fn.hardware.master.attachment.domain, undefined)
  })
})

describe('a config access far outside', () => {
  for (const offset of [0x8000_0000, 2 ** 32, Number.MAX_SAFE_INTEGER, 0xfff]) {
    it(`at 0x${offset.toString(16)} finds nobody`, () => {
      const { device, events } = openModel('flr')
      assert.equal(device.readConfig(offset, 4) >>> 8, 0xff_ffff)
      device.writeConfig(offset, 4, 0xffff_ffff)
      assert.deepEqual(events, [])
    })
  }
})
