import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eduBuffer, eduDmaCommand, eduIdentity, eduRegister, eduStatus } from '../../../src/sim/models/edu-device.js'
import { readRegister, writeRegister } from '../../../src/sim/region-access.js'
import type { SimulatedFunction } from '../../../src/sim/simulated-function.js'
import { iova, openWithMemory, readWord, setBusMaster, writeWord } from './open-model.js'

function transfer(fn: SimulatedFunction, source: bigint, destination: bigint, count: bigint, command: number): void {
  const region = fn.regions[0]
  assert.ok(region)
  writeRegister(region, eduRegister.dmaSource, 8, source)
  writeRegister(region, eduRegister.dmaDestination, 8, destination)
  writeRegister(region, eduRegister.dmaCount, 8, count)
  writeRegister(region, eduRegister.dmaCommand, 8, BigInt(command))
}

describe('edu', () => {
  it('identifies itself, and inverts what it is given', () => {
    const { fn } = openWithMemory('edu')
    assert.equal(readWord(fn, eduRegister.identification), eduIdentity)
    writeWord(fn, eduRegister.liveness, 0x1234_5678)
    assert.equal(readWord(fn, eduRegister.liveness), 0xedcb_a987)
  })
  it('computes a factorial in 32 bits, busy meanwhile, and interrupts if asked to', async () => {
    const { fn } = openWithMemory('edu')
    let count = 0
    setBusMaster(fn, true)
    fn.interrupts.enable('msi', [{ signal: () => count++ }])
    writeWord(fn, eduRegister.status, eduStatus.interruptAfterFactorial)
    writeWord(fn, eduRegister.factorial, 10)
    assert.equal(readWord(fn, eduRegister.status) & eduStatus.computing, eduStatus.computing)
    await fn.clock.sleep(1)
    assert.equal(readWord(fn, eduRegister.factorial), 3_628_800)
    assert.equal(readWord(fn, eduRegister.status) & eduStatus.computing, 0)
    assert.equal(readWord(fn, eduRegister.interruptStatus), 1)
    assert.equal(count, 1)
    writeWord(fn, eduRegister.acknowledge, 1)
    assert.equal(readWord(fn, eduRegister.interruptStatus), 0)
    writeWord(fn, eduRegister.factorial, 13)
    await fn.clock.sleep(1)
    assert.equal(readWord(fn, eduRegister.factorial), 6_227_020_800 % 2 ** 32)
  })
  it('a transfer takes 100 ms, out of memory and back into it', async () => {
    const { fn, memory } = openWithMemory('edu')
    setBusMaster(fn, true)
    memory.bytes.set([1, 2, 3, 4], 0x10)
    const start = fn.clock.now()
    transfer(fn, iova + 0x10n, eduBuffer.start + 0x20n, 4n, eduDmaCommand.run)
    const region = fn.regions[0]
    assert.ok(region)
    const running = (): bigint => readRegister(region, eduRegister.dmaCommand, 8) & 1n
    assert.equal(running(), 1n)
    await fn.clock.sleep(99)
    assert.equal(running(), 1n)
    await fn.clock.sleep(2)
    assert.equal(running(), 0n)
    transfer(fn, eduBuffer.start + 0x20n, iova + 0x40n, 4n, eduDmaCommand.run | eduDmaCommand.toMemory)
    await fn.clock.sleep(101)
    assert.deepEqual([...memory.bytes.subarray(0x40, 0x45)], [1, 2, 3, 4, 0xa5])
    assert.ok((fn.ledger.lastLandedAt ?? 0) - start >= 200_000)
  })
  it('interrupts at the end of a transfer if asked to', async () => {
    const { fn } = openWithMemory('edu')
    let count = 0
    setBusMaster(fn, true)
    fn.interrupts.enable('msi', [{ signal: () => count++ }])
    const command = eduDmaCommand.run | eduDmaCommand.toMemory | eduDmaCommand.interrupt
    transfer(fn, eduBuffer.start, iova, 4n, command)
    await fn.clock.sleep(101)
    assert.equal(count, 1)
    assert.equal(readWord(fn, eduRegister.interruptStatus), 0x100)
  })
  it('a transfer cannot be changed while it runs, nor leave the buffer', async () => {
    const { fn, memory } = openWithMemory('edu')
    setBusMaster(fn, true)
    transfer(fn, eduBuffer.start, iova, 4n, eduDmaCommand.run | eduDmaCommand.toMemory)
    writeWord(fn, eduRegister.dmaDestination, 0)
    await fn.clock.sleep(101)
    assert.deepEqual([...memory.bytes.subarray(0, 5)], [0, 0, 0, 0, 0xa5])
    transfer(fn, eduBuffer.start + 4090n, iova + 0x100n, 16n, eduDmaCommand.run | eduDmaCommand.toMemory)
    await fn.clock.sleep(101)
    assert.equal(memory.bytes[0x100], 0xa5)
  })
  it('addresses are cut to 28 bits', async () => {
    const { fn, memory } = openWithMemory('edu')
    setBusMaster(fn, true)
    transfer(fn, eduBuffer.start, iova + (1n << 28n), 4n, eduDmaCommand.run | eduDmaCommand.toMemory)
    await fn.clock.sleep(101)
    assert.deepEqual([...memory.bytes.subarray(0, 5)], [0, 0, 0, 0, 0xa5])
  })
  it('below 0x80 only accesses of 4 bytes are answered', () => {
    const { fn } = openWithMemory('edu')
    const bytes = new Uint8Array(2)
    fn.regions[0]?.read(0n, bytes)
    assert.deepEqual([...bytes], [0xff, 0xff])
    fn.regions[0]?.write(BigInt(eduRegister.liveness), Uint8Array.of(1, 1))
    assert.equal(readWord(fn, eduRegister.liveness), 0)
  })
  it('a transfer lands after Bus Master went off and came back within its 100 ms', async () => {
    const { fn } = openWithMemory('edu')
    fn.startDma({ iova })
    setBusMaster(fn, false)
    await fn.clock.sleep(50)
    setBusMaster(fn, true)
    await fn.clock.sleep(60)
    assert.equal(fn.ledger.landedCount, 1)
  })
  it('behind a port a bus reset stops it and clears it', async () => {
    const { fn } = openWithMemory('edu-port')
    writeWord(fn, eduRegister.liveness, 1)
    fn.startDma({ iova })
    assert.equal((await fn.reset()).ok, true)
    await fn.clock.sleep(200)
    assert.equal(fn.ledger.landedCount, 0)
    assert.equal(fn.hardware.isDirty, false)
  })
})
