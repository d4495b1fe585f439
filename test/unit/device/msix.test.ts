import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { streamRegister } from '../../../src/sim/models/stream-device.js'
import { enableBar0, guestCapability, type OpenDevice, openModel, withInterrupts } from './device-fixture.js'

const at = 0xe000_0000
const table = BigInt(at) + 0x2000n
const pba = BigInt(at) + 0x3000n
const enable = 0x8000
const functionMask = 0x4000

function ready(options: Parameters<typeof openModel>[1] = {}): OpenDevice & { control: number } {
  const open = openModel('flr', options)
  enableBar0(open.device, at, 6)
  return { ...open, control: guestCapability(open.device, 0x11) + 2 }
}

function program({ vmm }: OpenDevice, vector: number, data: number, masked = false): void {
  const entry = table + BigInt(16 * vector)
  vmm.write32(entry, 0xfee0_0000)
  vmm.write32(entry + 4n, 1)
  vmm.write32(entry + 8n, data)
  vmm.write32(entry + 12n, masked ? 1 : 0)
}

const mask = ({ vmm }: OpenDevice, vector: number, masked: boolean) =>
  vmm.write32(table + BigInt(16 * vector + 12), masked ? 1 : 0)

/** The device signals a vector. */
const raise = ({ vmm }: OpenDevice, vector: number) => vmm.write32(BigInt(at + streamRegister.interrupt), vector)

describe('MSI-X of an assigned device', () => {
  it('has every vector masked at first', () => {
    const { vmm } = ready()
    for (let vector = 0n; vector < 4n; vector++) assert.equal(vmm.read32(table + 16n * vector + 12n), 1)
    assert.equal(vmm.read32(table), 0)
  })

  it('delivers the message that the guest programmed', () => {
    const open = ready()
    program(open, 2, 0x4022)
    open.device.writeConfig(open.control, 2, enable)
    raise(open, 2)
    assert.deepEqual(open.vmm.messages, [{ address: 0x1_fee0_0000n, data: 0x4022 }])
  })

  it('delivers a vector that is enabled late', () => {
    const open = ready()
    program(open, 0, 0x20)
    open.device.writeConfig(open.control, 2, enable)
    raise(open, 0)
    program(open, 3, 0x23)
    raise(open, 3)
    raise(open, 0)
    assert.deepEqual(
      open.vmm.messages.map(({ data }) => data),
      [0x20, 0x23, 0x20],
    )
  })

  it('keeps what arrives at a masked vector pending, and sends it once it is unmasked', () => {
    const open = ready()
    program(open, 1, 0x21)
    open.device.writeConfig(open.control, 2, enable)
    mask(open, 1, true)
    raise(open, 1)
    raise(open, 1)
    assert.equal(open.vmm.messages.length, 0)
    mask(open, 2, false)
    assert.equal(open.vmm.messages.length, 0, 'not by what the guest does to another')
    assert.deepEqual(open.vmm.read('memory', pba, 8), Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0))
    mask(open, 1, false)
    assert.equal(open.vmm.messages.length, 1)
    assert.equal(open.vmm.read32(pba), 0)
  })

  it('masks every vector by Function Mask', () => {
    const open = ready()
    program(open, 0, 0x20)
    program(open, 1, 0x21)
    open.device.writeConfig(open.control, 2, enable)
    open.device.writeConfig(open.control, 2, enable | functionMask)
    raise(open, 0)
    raise(open, 1)
    assert.equal(open.vmm.messages.length, 0)
    assert.equal(open.vmm.read32(pba), 3)
    open.device.writeConfig(open.control + 1, 1, enable >> 8)
    assert.deepEqual(
      open.vmm.messages.map(({ data }) => data),
      [0x20, 0x21],
    )
  })

  it('follows a message that the guest changes', () => {
    const open = ready()
    program(open, 0, 0x20)
    open.device.writeConfig(open.control, 2, enable)
    open.vmm.write32(table + 8n, 0x99)
    raise(open, 0)
    assert.equal(open.vmm.messages[0]?.data, 0x99)
  })

  it('shows Message Control as the guest wrote it, and forwards none of it', () => {
    const { device, control, log } = ready()
    log.length = 0
    device.writeConfig(control, 2, 0xffff)
    assert.equal(device.readConfig(control, 2), 0xc003)
    device.writeConfig(control - 2, 4, 0)
    assert.equal(device.readConfig(control, 2), 0x0003)
    device.writeConfig(control + 2, 4, 0xffff_ffff)
    assert.equal(device.readConfig(control + 2, 4), 0x0000_2000)
    assert.deepEqual(log, [])
  })

  it('stores only the bits that a table entry has, in accesses of any width', () => {
    const { vmm } = ready()
    vmm.write('memory', table, new Uint8Array(8).fill(0xff))
    vmm.write('memory', table + 8n, new Uint8Array(8).fill(0xff))
    assert.deepEqual(vmm.read('memory', table, 8), Uint8Array.of(0xfc, 255, 255, 255, 255, 255, 255, 255))
    assert.deepEqual(vmm.read('memory', table + 8n, 8), Uint8Array.of(255, 255, 255, 255, 1, 0, 0, 0))
    vmm.write('memory', table + 3n, Uint8Array.of(0, 0))
    assert.deepEqual(vmm.read('memory', table + 2n, 4), Uint8Array.of(255, 0, 0, 255))
  })

  it('answers an access that reaches past the table', () => {
    const { vmm } = ready()
    const bytes = vmm.read('memory', table + 60n, 8)
    assert.deepEqual(bytes?.subarray(0, 4), Uint8Array.of(1, 0, 0, 0))
  })

  it('leaves the pending bits to nobody but itself', () => {
    const { vmm } = ready()
    vmm.write32(pba, 0xffff_ffff)
    assert.equal(vmm.read32(pba), 0)
  })

  it('gives every route back when it is disabled, and what was pending is gone', () => {
    const open = ready()
    program(open, 0, 0x20)
    open.device.writeConfig(open.control, 2, enable)
    mask(open, 0, true)
    raise(open, 0)
    open.device.writeConfig(open.control, 2, 0)
    assert.equal(open.vmm.openRoutes, 0)
    assert.equal(open.vmm.read32(pba), 0)
    assert.equal(open.device.inspect().interrupts.kind, 'intx')
  })

  it('changes only the vector that the guest changed', () => {
    const calls: string[] = []
    const open = ready({
      override: (fn) => ({
        interrupts: withInterrupts(fn, {
          enable: (kind, destinations) => {
            calls.push(`enable ${kind}`)
            fn.interrupts.enable(kind, destinations)
          },
          retarget: (kind, vector, destination) => {
            calls.push(`retarget ${vector} of ${kind}`)
            fn.interrupts.retarget(kind, vector, destination)
          },
        }),
      }),
    })
    calls.length = 0
    program(open, 0, 0x20)
    open.device.writeConfig(open.control, 2, enable)
    assert.deepEqual(calls, ['enable msix'])
    open.device.writeConfig(open.control, 2, enable)
    open.vmm.write32(table + 8n, 0x21)
    mask(open, 2, true)
    assert.deepEqual(calls, ['enable msix'], 'nothing changed but the message')
    mask(open, 0, true)
    program(open, 3, 0x23)
    mask(open, 0, false)
    const moved = ['retarget 0 of msix', 'retarget 3 of msix', 'retarget 0 of msix']
    assert.deepEqual(calls, ['enable msix', ...moved])
  })

  it('is not shown where the kernel offers no vectors', () => {
    const { device } = openModel('flr', {
      override: (fn) => ({
        interrupts: withInterrupts(fn, {
          info: (kind) => ({ ...fn.interrupts.info(kind), count: 0 }),
          enable: () => assert.fail('there is nothing to enable'),
          unmask: () => assert.fail('there is nothing to unmask'),
        }),
      }),
    })
    assert.throws(() => guestCapability(device, 0x11))
    assert.throws(() => guestCapability(device, 0x05))
    assert.equal(device.readConfig(0x3d, 1), 0)
  })

  it('says in an event that the kernel did not set it up', () => {
    const open = ready({
      override: (fn) => ({
        interrupts: withInterrupts(fn, {
          enable: (kind) => {
            if (kind === 'msix') throw new Error('no vectors left')
          },
        }),
      }),
    })
    program(open, 0, 0x20)
    open.device.writeConfig(open.control, 2, enable)
    assert.deepEqual(open.events, [{ kind: 'interrupts-failed', reason: 'no vectors left', suppressed: 0 }])
    assert.equal(open.device.inspect().interrupts.kind, null)
  })
})
