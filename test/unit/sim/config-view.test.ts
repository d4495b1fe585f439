import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { capabilityId } from '../../../src/pci/capability-ids.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { streamRegister } from '../../../src/sim/models/stream-device.js'
import { capability, command, commandOffset, openStreaming, readWord, setBusMaster, writeWord } from './open-model.js'

const isConfigError = (error: unknown): boolean => error instanceof QuiesceError && error.code === 'CONFIG_ACCESS'

describe('config space as VFIO shows it', () => {
  it('a dead device keeps its identity, while dword 0x08 reads as all ones', () => {
    const { config, faults } = createSimulatedFunction('pm-reset')
    const ids = config.read(0x00, 4)
    faults.set('config-read-all-ones', true)
    assert.equal(config.read(0x00, 4), ids)
    assert.equal(config.read(0x08, 4), 0xffff_ffff)
  })
  it('a dead Command reads 0xFBFF and a dead PMCSR 0x7EFF', () => {
    const fn = createSimulatedFunction('pm-reset')
    fn.faults.set('config-read-all-ones', true)
    assert.equal(fn.config.read(commandOffset, 2), 0xfbff)
    assert.equal(fn.config.read(capability(fn, capabilityId.pm) + 4, 2), 0x7eff)
  })
  it('a read that fails throws, and so does a write, which reads first', () => {
    const { config, faults, hardware } = createSimulatedFunction('flr', { faults: { 'config-read-error': true } })
    assert.throws(() => config.read(0x08, 4), isConfigError)
    assert.throws(() => config.write(commandOffset, 2, 0xfbf8), isConfigError)
    assert.equal(hardware.command & command.busMaster, 0)
    faults.clear('config-read-error')
    assert.notEqual(config.read(0x08, 4), 0xffff_ffff)
  })
  it('a write that fails throws and changes nothing', () => {
    const { config, faults, hardware, ledger } = createSimulatedFunction('flr')
    const before = hardware.command
    faults.set('config-write-error', true)
    assert.throws(() => config.write(commandOffset, 2, 0), isConfigError)
    assert.equal(hardware.command, before)
    assert.equal(ledger.of('config-write').at(-1)?.failed, true)
  })
  it('a write that is dropped returns as if nothing were wrong', () => {
    const { config, faults, hardware } = createSimulatedFunction('flr')
    const before = hardware.command
    faults.set('config-write-dropped', true)
    config.write(commandOffset, 2, 0)
    assert.equal(config.read(commandOffset, 2), before)
  })
  it("INTx Disable is the kernel's copy: the device does not see it", () => {
    const { config, hardware } = createSimulatedFunction('flr')
    config.write(commandOffset, 2, config.read(commandOffset, 2) | command.intxDisable)
    assert.equal(config.read(commandOffset, 2) & command.intxDisable, command.intxDisable)
    assert.equal(hardware.command & command.intxDisable, 0)
  })
  it("BARs are the kernel's copy: the device keeps its address", () => {
    const { config, hardware } = createSimulatedFunction('flr')
    const address = hardware.config.read(0x10, 4)
    config.write(0x10, 4, 0xffff_ffff)
    assert.equal(config.read(0x10, 4), 0xffff_c00c)
    config.write(0x14, 4, 0xffff_ffff)
    assert.equal(config.read(0x14, 4), 0xffff_ffff)
    config.write(0x1c, 4, 0xffff_ffff)
    assert.equal(config.read(0x1c, 4), 0)
    assert.equal(hardware.config.read(0x10, 4), address)
  })
  it('writes to MSI and MSI-X have no effect', () => {
    const fn = createSimulatedFunction('flr')
    for (const id of [capabilityId.msi, capabilityId.msix]) {
      const at = capability(fn, id) + 2
      const before = fn.config.read(at, 2)
      fn.config.write(at, 2, 0xffff)
      assert.equal(fn.config.read(at, 2), before)
    }
  })
  it('Status and what is reserved cannot be written', () => {
    const { config } = createSimulatedFunction('flr')
    const before = config.read(0x06, 2)
    config.write(0x06, 2, 0xffff)
    assert.equal(config.read(0x06, 2), before)
  })
  it('each bit that sticks stays, and the others go', () => {
    for (const [fault, bit] of [
      ['bus-master-stuck', command.busMaster],
      ['memory-space-stuck', command.memory],
      ['io-space-stuck', command.io],
    ] as const) {
      const fn = createSimulatedFunction('flr', { faults: { [fault]: true } })
      setBusMaster(fn, true)
      fn.config.write(commandOffset, 2, 0)
      assert.equal(fn.config.read(commandOffset, 2) & 0x7, bit, fault)
      fn.faults.clear(fault)
      fn.config.write(commandOffset, 2, 0)
      assert.equal(fn.config.read(commandOffset, 2) & 0x7, 0, fault)
    }
  })
  it("Memory Space Enable of a virtual function is the kernel's, and Bus Master is its own", () => {
    const fn = createSimulatedFunction('virtual-function')
    assert.equal(fn.config.read(commandOffset, 2) & command.memory, command.memory)
    assert.equal(fn.hardware.command & command.memory, 0)
    setBusMaster(fn, true)
    assert.equal(fn.hardware.busMaster, true)
    fn.config.write(commandOffset, 2, 0)
    assert.equal(fn.config.read(commandOffset, 2), 0)
    assert.equal(fn.hardware.busMaster, false)
  })
  it("Initiate FLR runs the kernel's ladder, while the writer waits, and Command comes back", async () => {
    const { fn } = await openStreaming('flr')
    const at = capability(fn, capabilityId.pcie) + 8
    const before = fn.clock.now()
    fn.config.write(at, 2, fn.config.read(at, 2) | 0x8000)
    assert.ok(fn.clock.now() - before >= 100_000)
    assert.equal(fn.ledger.of('reset').at(-1)?.method, 'flr')
    assert.equal(fn.hardware.logic.busy, false)
    assert.equal(fn.hardware.busMaster, true)
    assert.equal(fn.config.read(at, 2) & 0x8000, 0)
  })
  it('the FLR of Advanced Features runs it too', () => {
    const fn = createSimulatedFunction('af-flr')
    writeWord(fn, streamRegister.scratch, 7)
    fn.config.write(capability(fn, capabilityId.af) + 4, 1, 1)
    assert.equal(fn.ledger.of('reset').at(-1)?.method, 'af_flr')
    assert.equal(readWord(fn, streamRegister.scratch), 0)
  })
  it('transactions pending reads 1 while the fault is on, in PCI Express and in Advanced Features', () => {
    const express = createSimulatedFunction('flr')
    const conventional = createSimulatedFunction('af-flr')
    const read = (): number[] => [
      express.config.read(capability(express, capabilityId.pcie) + 10, 2) & 0x20,
      conventional.config.read(capability(conventional, capabilityId.af) + 5, 1) & 0x1,
    ]
    assert.deepEqual(read(), [0, 0])
    express.faults.set('transactions-pending', true)
    conventional.faults.set('transactions-pending', true)
    assert.deepEqual(read(), [0x20, 1])
  })
  it('an access while a reset runs is misuse: a real kernel would block the process', async () => {
    const fn = createSimulatedFunction('flr')
    const running = fn.reset()
    assert.throws(() => fn.config.read(0x08, 4), isConfigError)
    assert.throws(() => fn.config.write(commandOffset, 2, 0), isConfigError)
    assert.throws(
      () => readWord(fn, 0),
      (error) => error instanceof QuiesceError && error.code === 'REGION_ACCESS',
    )
    assert.equal(fn.ledger.of('misuse').length, 3)
    assert.deepEqual(await running, { ok: true })
    assert.notEqual(fn.config.read(0x08, 4), 0xffff_ffff)
    assert.equal(fn.ledger.of('misuse').length, 3)
  })
})
