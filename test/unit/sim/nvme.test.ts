import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nvmeRegister, nvmeSize, nvmeStatus, startIdentify } from '../../../src/sim/models/nvme-controller.js'
import { readRegister } from '../../../src/sim/region-access.js'
import type { SimulatedFunction } from '../../../src/sim/simulated-function.js'
import { iova, openWithMemory, readWord, setBusMaster, writeWord } from './open-model.js'

/** Where `startIdentify` puts the queues of a one-page buffer. */
const completionQueue = iova + 3n * 4096n

function queueBytes(fn: SimulatedFunction): Uint8Array {
  return fn.dma.domain.find(completionQueue)?.bytes.subarray(4096) ?? new Uint8Array()
}

describe('the NVMe controller', () => {
  it('shows its capabilities and version, at either width', () => {
    const { fn } = openWithMemory('nvme')
    const region = fn.regions[0]
    assert.ok(region)
    assert.equal(readRegister(region, nvmeRegister.capabilities, 8), 0x0000_0020_0201_003fn)
    assert.equal(readWord(fn, nvmeRegister.version), 0x0001_0400)
    const byte = new Uint8Array(1)
    region.read(BigInt(nvmeRegister.version + 2), byte)
    assert.equal(byte[0], 1)
  })
  it('becomes ready a moment after it is enabled, and not ready when it is disabled', async () => {
    const { fn } = openWithMemory('nvme')
    writeWord(fn, nvmeRegister.configuration, 1)
    assert.equal(readWord(fn, nvmeRegister.status), 0)
    await fn.clock.sleep(2)
    assert.equal(readWord(fn, nvmeRegister.status), nvmeStatus.ready)
    writeWord(fn, nvmeRegister.configuration, 0)
    assert.equal(readWord(fn, nvmeRegister.status), 0)
  })
  it('identifies itself by DMA, completes the command and interrupts by MSI-X', async () => {
    const { fn, memory } = openWithMemory('nvme')
    let count = 0
    fn.interrupts.enable('msix', [{ signal: () => count++ }])
    fn.startDma({ iova })
    await fn.clock.sleep(2)
    assert.equal(new DataView(memory.bytes.buffer).getUint16(0, true), 0x1b36)
    assert.equal(new TextDecoder().decode(memory.bytes.subarray(4, 11)), 'SIM0001')
    const completion = new DataView(queueBytes(fn).buffer, 4096)
    assert.equal(completion.getUint16(12, true), 1, 'command identifier')
    assert.equal(completion.getUint16(14, true), 1, 'phase, and no error')
    assert.equal(count, 1)
    assert.deepEqual(
      fn.ledger.landedAfter(0).map(({ length }) => length),
      [nvmeSize.identify, nvmeSize.completion],
    )
  })
  it('any other command is Invalid Command Opcode', async () => {
    const { fn } = openWithMemory('nvme')
    setBusMaster(fn, true)
    startIdentify(fn, { iova })
    const bytes = fn.dma.domain.find(iova + 2n * 4096n)?.bytes
    assert.ok(bytes)
    bytes[0] = 0x7f
    await fn.clock.sleep(2)
    assert.equal(new DataView(bytes.buffer, 4096).getUint16(14, true) >> 1, 0x01)
    assert.equal(fn.ledger.landedCount, 1)
  })
  it('a request that cannot leave is fatal until the controller is reset', async () => {
    const { fn } = openWithMemory('nvme')
    fn.startDma({ iova })
    setBusMaster(fn, false)
    await fn.clock.sleep(2)
    assert.equal(readWord(fn, nvmeRegister.status) & nvmeStatus.fatal, nvmeStatus.fatal)
    assert.equal(fn.ledger.landedCount, 0)
    assert.equal((await fn.reset()).ok, true)
    assert.equal(readWord(fn, nvmeRegister.status), 0)
    assert.equal(fn.hardware.isDirty, false)
  })
  it('shows a fetch that is under way as pending', async () => {
    const { fn } = openWithMemory('nvme')
    fn.startDma({ iova })
    const at = fn.hardware.config.capabilities.get(0x10) ?? 0
    assert.equal(fn.config.read(at + 10, 2) & 0x20, 0x20)
    await fn.clock.sleep(2)
    assert.equal(fn.config.read(at + 10, 2) & 0x20, 0)
  })
  it('does not take a doorbell before it is ready', async () => {
    const { fn } = openWithMemory('nvme')
    setBusMaster(fn, true)
    writeWord(fn, nvmeRegister.adminSubmissionDoorbell, 1)
    await fn.clock.sleep(5)
    assert.equal(fn.ledger.of('dma').length, 0)
  })
})
