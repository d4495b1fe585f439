import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { headerOffset } from '../../../src/pci/header.js'
import { simulatedModels } from '../../../src/sim/models/simulated-models.js'
import { streamRegister } from '../../../src/sim/models/stream-device.js'
import { RawFunction } from '../../../src/sim/raw-function.js'
import { SimulatedMachine } from '../../../src/sim/simulated-machine.js'
import { command, enable, FakeClient, until } from '../kit/fake-client.js'

function raw(name: string) {
  const model = simulatedModels.get(name)
  assert.ok(model)
  const [hardware] = new SimulatedMachine().plug(model)
  assert.ok(hardware)
  const fn = new RawFunction(hardware)
  const client = new FakeClient()
  fn.connect(client)
  const start = (iova = 0): void => {
    enable(fn)
    fn.writeBar(0, streamRegister.ringLow, 4, BigInt(iova))
    fn.writeBar(0, streamRegister.length, 4, 4096n)
    fn.writeBar(0, streamRegister.periodUs, 4, 100n)
    fn.writeBar(0, streamRegister.pattern, 4, 7n)
    fn.writeBar(0, streamRegister.doorbell, 4, 1n)
  }
  return { fn, hardware, client, start }
}

const transfers = (fn: RawFunction): number => Number(fn.readBar(0, streamRegister.transfers, 4))

describe('simulated hardware without a kernel around it', () => {
  it('writes to the memory of its client, in the time of the machine', async () => {
    const { fn, client, start } = raw('flr')
    using _ = fn
    const memory = client.memory.map(0n, 4096)
    start()
    await until('it has written', () => memory[0] === 7)
    assert.ok(client.memory.dirty.length > 0)
  })

  it('writes by messages where memory is not shared', async () => {
    const { fn, client, start } = raw('flr')
    using _ = fn
    const memory = client.memory.map(0n, 4096, 'read-write', false)
    start()
    await until('it has written', () => memory[0] === 7)
  })

  it('reaches nothing that is not mapped, nor what was taken away', async () => {
    const { fn, client, start } = raw('flr')
    using _ = fn
    const memory = client.memory.map(0n, 4096)
    start()
    await until('it has written', () => memory[0] === 7)
    client.memory.unmap(0n)
    memory.fill(0)
    const before = transfers(fn)
    await until('it goes on', () => transfers(fn) > before)
    assert.ok(memory.every((byte) => byte === 0))
  })

  it('is reset by its client, and by a Function Level Reset', async () => {
    const { fn, client, start } = raw('flr')
    using _ = fn
    client.memory.map(0n, 4096)
    start()
    await until('it runs', () => transfers(fn) > 0)
    await fn.reset()
    assert.equal(fn.readConfig(headerOffset.command, 2), 0)
    start()
    await until('it runs', () => transfers(fn) > 0)
    const pcie = fn.hardware.config.capabilities.get(0x10) ?? 0
    fn.writeConfig(pcie + 8, 2, fn.readConfig(pcie + 8, 2) | 0x8000)
    assert.equal(fn.readConfig(headerOffset.command, 2), 0)
    assert.ok(!fn.hardware.isDirty)
  })

  it('has its faults: one that a reset does not stop goes on, but not into the memory of a client that is gone', async () => {
    const { fn, client, start } = raw('liar')
    using _ = fn
    const memory = client.memory.map(0n, 4096)
    start()
    await until('it runs', () => transfers(fn) > 0)
    await fn.reset()
    assert.ok(fn.hardware.isDirty)
    await fn.disconnect()
    memory.fill(0)
    await sleep(5)
    fn.readConfig(0, 4)
    assert.ok(memory.every((byte) => byte === 0))
  })

  it('answers all ones while it is slow to come back', async () => {
    const { fn } = raw('flr')
    using _ = fn
    fn.hardware.faults.set('reset-slow-ms', 20)
    await fn.reset()
    assert.equal(fn.readConfig(0, 4), 0xffff_ffff)
    await until('it is back', () => fn.readConfig(0, 4) !== 0xffff_ffff)
  })

  it('wedges where a fault says so, until it is reset', async () => {
    const { fn, client, start } = raw('wedges')
    using _ = fn
    client.memory.map(0n, 4096)
    start()
    await until('it runs', () => transfers(fn) > 0)
    fn.writeConfig(headerOffset.command, 2, command.memory)
    assert.ok(fn.hardware.isWedged)
    await fn.reset()
    assert.ok(!fn.hardware.isWedged)
  })

  it('signals by what config space enables', async () => {
    const { fn, client } = raw('flr')
    using _ = fn
    enable(fn)
    fn.writeBar(0, streamRegister.interrupt, 4, 1n)
    const msix = fn.hardware.config.capabilities.get(0x11)
    assert.ok(msix)
    fn.writeConfig(msix + 2, 2, 0x8000)
    fn.writeBar(0, streamRegister.interrupt, 4, 1n)
    assert.deepEqual(client.signals, ['intx 0', 'msix 1'])
  })
})
