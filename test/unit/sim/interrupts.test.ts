import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { capabilityId } from '../../../src/pci/capability-ids.js'
import { createSimulatedFunction } from '../../../src/sim/create-simulated-function.js'
import { eduBuffer, eduDmaCommand, eduRegister } from '../../../src/sim/models/edu-device.js'
import { streamRegister } from '../../../src/sim/models/stream-device.js'
import { writeRegister } from '../../../src/sim/region-access.js'
import { capability, command, commandOffset, setBusMaster, writeWord } from './open-model.js'

function counting(model: string) {
  const fn = createSimulatedFunction(model)
  const counts = [0, 0, 0, 0]
  const destinations = counts.map((_, i) => ({
    signal: () => {
      counts[i] = (counts[i] ?? 0) + 1
    },
  }))
  return { fn, counts, destinations, raise: (vector: number) => writeWord(fn, streamRegister.interrupt, vector) }
}

describe('interrupts', () => {
  it("MSI-X goes to the vector's destination, and nowhere where it has none", () => {
    const { fn, counts, destinations, raise } = counting('flr')
    setBusMaster(fn, true)
    fn.interrupts.enable('msix', [destinations[0], undefined, destinations[2]])
    for (const vector of [0, 1, 2, 2, 3]) raise(vector)
    assert.deepEqual(counts, [1, 0, 2, 0])
    assert.deepEqual(
      fn.ledger.of('interrupt').map(({ delivered }) => delivered),
      [true, false, true, true, false],
    )
  })
  it('enabling and disabling shows in the capability', () => {
    const { fn, destinations } = counting('flr')
    const at = capability(fn, capabilityId.msix) + 2
    fn.interrupts.enable('msix', destinations)
    assert.equal(fn.config.read(at, 2) & 0x8000, 0x8000)
    fn.interrupts.disable('msix')
    assert.equal(fn.config.read(at, 2) & 0x8000, 0)
  })
  it('with the fault, MSI-X and MSI stay enabled until a reset', async () => {
    for (const kind of ['msi', 'msix'] as const) {
      const { fn, destinations } = counting('flr')
      const enabled = (): boolean => fn.hardware.lines.isEnabled(kind)
      fn.interrupts.enable(kind, destinations.slice(0, 1))
      fn.faults.set('interrupts-stuck', true)
      fn.interrupts.disable(kind)
      assert.equal(enabled(), true)
      fn.hardware.reset('flr')
      assert.equal(enabled(), false)
    }
  })
  it('INTx is masked at delivery, and delivered again when it is unmasked while the line is high', () => {
    const { fn, counts, destinations, raise } = counting('flr')
    fn.interrupts.enable('intx', destinations.slice(0, 1))
    raise(0)
    raise(0)
    assert.equal(counts[0], 1)
    fn.interrupts.unmask('intx')
    assert.equal(counts[0], 2)
    writeWord(fn, streamRegister.acknowledge, 1)
    fn.interrupts.unmask('intx')
    assert.equal(counts[0], 2)
  })
  it('INTx needs no Bus Master, and a message does', () => {
    const { fn, counts, destinations, raise } = counting('flr')
    fn.interrupts.enable('intx', destinations.slice(0, 1))
    raise(0)
    assert.equal(counts[0], 1)
    fn.interrupts.disable('intx')
    fn.interrupts.enable('msi', destinations.slice(0, 1))
    raise(0)
    assert.equal(counts[0], 1)
    setBusMaster(fn, true)
    raise(0)
    assert.equal(counts[0], 2)
  })
  it('INTx Disable in the hardware keeps the line silent', () => {
    const { fn, counts, destinations, raise } = counting('flr')
    fn.hardware.writeConfig(commandOffset, 2, fn.hardware.command | command.intxDisable, 'kernel')
    fn.interrupts.enable('intx', destinations.slice(0, 1))
    raise(0)
    assert.equal(counts[0], 0)
    fn.hardware.writeConfig(commandOffset, 2, fn.hardware.command & ~command.intxDisable, 'kernel')
    assert.equal(counts[0], 1)
  })
  it('one kind at a time, as many as there are, and callbacks only', () => {
    const { fn, destinations } = counting('flr')
    fn.interrupts.enable('msix', destinations)
    assert.throws(() => fn.interrupts.enable('msi', destinations.slice(0, 1)), QuiesceError)
    fn.interrupts.disable('msix')
    assert.throws(() => fn.interrupts.enable('msix', [...destinations, undefined]), QuiesceError)
    assert.throws(() => fn.interrupts.enable('msi', []), QuiesceError)
    assert.throws(
      () => fn.interrupts.enable('msi', [{ eventfd: 3 }]),
      (error) => error instanceof QuiesceError && error.code === 'UNSUPPORTED',
    )
    assert.throws(() => fn.interrupts.unmask('intx'), QuiesceError)
    assert.throws(() => fn.interrupts.unmask('msi'), QuiesceError)
  })
  it('are neither enabled, disabled nor unmasked while the kernel resets the device, and can be counted', async () => {
    const { fn, destinations } = counting('flr')
    const isBusy = (error: unknown): boolean => error instanceof QuiesceError && error.code === 'BUSY'
    fn.interrupts.enable('msix', destinations)
    const resetting = fn.reset()
    assert.throws(() => fn.interrupts.enable('msix', destinations), isBusy)
    assert.throws(() => fn.interrupts.disable('msix'), isBusy)
    assert.throws(() => fn.interrupts.unmask('intx'), isBusy)
    assert.equal(fn.ledger.of('misuse').length, 3)
    fn.interrupts.disable('msi')
    assert.equal(fn.interrupts.info('msix').count, 4)
    await resetting
    fn.interrupts.disable('msix')
    assert.equal(fn.hardware.lines.isEnabled('msix'), false)
  })
  it('a reset by the kernel keeps MSI-X enabled, as the kernel restores it', async () => {
    const { fn, counts, destinations, raise } = counting('flr')
    setBusMaster(fn, true)
    fn.interrupts.enable('msix', destinations)
    assert.equal((await fn.reset()).ok, true)
    raise(1)
    assert.deepEqual(counts, [0, 1, 0, 0])
  })
  it('one vector goes elsewhere, and the others stay as they are', () => {
    const { fn, counts, destinations, raise } = counting('flr')
    setBusMaster(fn, true)
    fn.interrupts.enable('msix', destinations.slice(0, 2))
    fn.interrupts.retarget('msix', 1, destinations[3])
    for (const vector of [0, 1]) raise(vector)
    assert.deepEqual(counts, [1, 0, 0, 1])
    fn.interrupts.retarget('msix', 0, undefined)
    for (const vector of [0, 1]) raise(vector)
    assert.deepEqual(counts, [1, 0, 0, 2])
    for (const [kind, vector] of [
      ['msix', 2],
      ['msi', 0],
    ] as const) {
      assert.throws(() => fn.interrupts.retarget(kind, vector, undefined), { code: 'USAGE' })
    }
    assert.throws(() => fn.interrupts.retarget('msix', 0, { eventfd: 3 }), { code: 'UNSUPPORTED' })
  })
  it('INTx is not unmasked by an eventfd: there are none', () => {
    const { fn } = counting('flr')
    assert.equal(fn.interrupts.canUnmaskByEventfd, false)
    assert.throws(() => fn.interrupts.unmaskBy('intx'), { code: 'UNSUPPORTED' })
  })
  it('INTx Disable of the owner masks the line, whatever is unmasked, until it is off', () => {
    const { fn, counts, destinations, raise } = counting('flr')
    const write = (bits: number): void =>
      fn.config.write(commandOffset, 2, (fn.config.read(commandOffset, 2) & ~0x400) | bits)
    write(command.intxDisable)
    fn.interrupts.enable('intx', destinations.slice(0, 1))
    raise(0)
    fn.interrupts.unmask('intx')
    assert.equal(counts[0], 0)
    assert.equal(fn.hardware.command & command.intxDisable, 0, 'the bit is the kernel’s to keep')
    write(0)
    assert.equal(counts[0], 1)
  })
  it('ERR and REQ reach whoever listens', () => {
    const { fn, counts, destinations } = counting('flr')
    assert.equal(fn.interrupts.signalOwner('req'), false)
    fn.interrupts.enable('req', destinations.slice(0, 1))
    assert.equal(fn.interrupts.signalOwner('req'), true)
    assert.equal(counts[0], 1)
  })
  it('by message does not overtake the data that it is about', async () => {
    const fn = createSimulatedFunction('edu')
    setBusMaster(fn, true)
    const memory = fn.dma.allocate(4096n)
    fn.dma.map(0x10_0000n, memory, 'read-write')
    memory.bytes.fill(0x5a)
    const seen: (number | undefined)[] = []
    fn.interrupts.enable('msi', [{ signal: () => void seen.push(memory.bytes[0]) }])
    const [registers] = fn.regions
    assert.ok(registers)
    const transfer = async (source: bigint, target: bigint, how: number): Promise<void> => {
      writeRegister(registers, eduRegister.dmaSource, 8, source)
      writeRegister(registers, eduRegister.dmaDestination, 8, target)
      writeRegister(registers, eduRegister.dmaCount, 8, 256n)
      writeRegister(registers, eduRegister.dmaCommand, 8, BigInt(how | eduDmaCommand.run | eduDmaCommand.interrupt))
      await fn.clock.sleep(200)
    }
    await transfer(0x10_0000n, eduBuffer.start, 0)
    memory.bytes.fill(0)
    await transfer(eduBuffer.start, 0x10_0000n, eduDmaCommand.toMemory)
    assert.deepEqual(seen, [0x5a, 0x5a])
  })
})
