// A device that a reset did not leave clean stays off the bus, whatever the guest writes and wherever, until another
// reset leaves it clean. Judged by the hardware, not by what the device says of itself.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { AccessWidth } from '../../src/function/config-space.js'
import { simulatedModels } from '../../src/sim/models/simulated-models.js'
import { enableBar0, openModel } from '../unit/device/device-fixture.js'

const runs = Number(process.env['QUIESCE_PROPERTY_RUNS'] ?? 1_000)
const seed = Number(process.env['QUIESCE_PROPERTY_SEED'] ?? Date.now() % 2 ** 31)

/** Those in which nobody could keep Bus Master off, and in which the bus is not told the truth. */
const beyondUs = ['bus-master-stuck', 'config-write-dropped'] as const

const write = fc.record({
  offset: fc.oneof(fc.constantFrom(0x04, 0x05, 0x06, 0x44), fc.nat({ max: 0xff })),
  width: fc.constantFrom<AccessWidth[]>(1, 2, 4),
  value: fc.oneof(fc.constantFrom(7, 0xffff_ffff, 0x8000, 0, 3), fc.integer({ min: 0, max: 0xffff_ffff })),
})

const scenario = fc.record({
  model: fc.constantFrom(...simulatedModels.keys()),
  faults: fc.constantFrom(
    {},
    { 'reset-fails': 'EIO', 'hot-reset-fails': 'EIO' },
    { 'reset-unsupported': true, 'hot-reset-fails': 'EINVAL' },
    { 'reset-falls-off': true },
    { 'interrupts-stuck': true },
  ),
  keepMemoryEnabled: fc.boolean(),
  writes: fc.array(write, { maxLength: 40, size: 'max' }),
})

describe('a device in quarantine', () => {
  it('stays off the bus whatever the guest writes', async () => {
    let quarantined = 0
    await fc.assert(
      fc.asyncProperty(scenario, async ({ model, faults, keepMemoryEnabled, writes }) => {
        const { device, fn, vmm } = openModel(model, {
          policy: { keepMemoryEnabled },
          resetPolicy: { requireReset: true, methodTimeoutMs: 100 },
        })
        enableBar0(device, 0xe000_0000, 7)
        fn.faults.setAll(faults)
        await device.reset()
        for (const { offset, width, value } of writes) {
          // It may end: a guest's own reset can leave the device clean.
          if (device.isUsable) return
          quarantined += 1
          device.writeConfig(offset, width, value % 2 ** (8 * width))
          await device.settled()
          if (device.isUsable) return
          assert.equal(vmm.traps.size, 0, 'a BAR in the guest')
          const { lastReset } = device.inspect()
          const isPastIt = lastReset !== 'quiesced' || beyondUs.some((name) => fn.faults.get(name))
          if (!isPastIt) assert.equal(fn.hardware.busMaster, false, 'Bus Master is on')
        }
      }),
      { numRuns: runs, seed },
    )
    assert.ok(quarantined > runs, 'hardly anything was in quarantine')
  })
})
