// Whatever a guest, its VMM, its owner and its hardware do, in whatever order: nothing of it is an exception in the guest's
// way, no BAR is in the guest that the hardware does not decode, and once all is closed nothing is left.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { AssignedDevice } from '../../src/device/assigned-device.js'
import type { GuestMemoryRange } from '../../src/device/vmm.js'
import { QuiesceError } from '../../src/errors/quiesce-error.js'
import type { AccessWidth } from '../../src/function/config-space.js'
import { createSimulatedFunction } from '../../src/sim/create-simulated-function.js'
import { SimulatedMachine } from '../../src/sim/simulated-machine.js'
import { ChangingMemory, RecordingVmm } from '../unit/device/recording-vmm.js'

const runs = Number(process.env['QUIESCE_PROPERTY_RUNS'] ?? 200)
const seed = Number(process.env['QUIESCE_PROPERTY_SEED'] ?? Date.now() % 2 ** 31)
const bar = 0xe000_0000
const page = 0x1000n

const which = fc.nat({ max: 2 })
const configWrite = fc.record({
  do: fc.constant('config' as const),
  which,
  offset: fc.oneof(fc.constantFrom(0x04, 0x10, 0x12, 0x44, 0x54, 0x62, 0x72, 0x82), fc.nat({ max: 0xfff })),
  width: fc.constantFrom<AccessWidth[]>(1, 2, 4),
  value: fc.oneof(fc.constantFrom(0, 2, 3, 6, 7, 0x8000, bar, 0xffff_ffff), fc.integer({ min: 0, max: 0xffff_ffff })),
})
const action = fc.oneof(
  { weight: 8, arbitrary: configWrite },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('place' as const), which, command: fc.constantFrom(2, 6, 7) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('bar' as const),
      which,
      offset: fc.oneof(fc.nat({ max: 0x40 }), fc.integer({ min: 0x2000, max: 0x2048 }), fc.nat({ max: 0x3fff })),
      length: fc.constantFrom(1, 2, 4, 8),
      value: fc.nat({ max: 255 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('memory' as const), pages: fc.nat({ max: 15 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const), which, wait: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), us: fc.integer({ min: 1, max: 200_000 }) }) },
)
const scenario = fc.record({
  containment: fc.constantFrom('detach' as const, 'unmap-all' as const),
  faults: fc.constantFrom({}, {}, { 'reset-fails': 'EIO' }, { 'd3-refused': true }, { 'd3-exit-fails': true }),
  actions: fc.array(action, { maxLength: 40, size: 'max' }),
})

/** Three devices of one guest in one address space, two of which share a bus. */
function guest(containment: 'detach' | 'unmap-all', faults: object) {
  const machine = new SimulatedMachine()
  const first = createSimulatedFunction('siblings.0', { machine, containment })
  const functions = [
    first,
    createSimulatedFunction('siblings.1', { machine, containment, shareDmaWith: first }),
    createSimulatedFunction('flr', { machine, containment, shareDmaWith: first }),
  ]
  const ram = first.dma.allocate(16n * page)
  const memory = new ChangingMemory()
  const announce = (pages: number): void => {
    // Each bit is a page that is there.
    const there = [0n, 1n, 2n, 3n].filter((at) => (pages >> Number(at)) & 1)
    const ranges = there.map((at): GuestMemoryRange => {
      const backing = { memory: ram, offset: at * page }
      return { guestAddress: at * page, size: page, access: 'read-write', backing }
    })
    memory.change(ranges)
  }
  announce(0xf)
  const devices: AssignedDevice[] = []
  const slots = functions.map((fn) => {
    fn.faults.setAll(faults)
    const vmm = new RecordingVmm([], memory)
    const problems: string[] = []
    const device = AssignedDevice.open(fn, vmm, {
      companions: () => devices,
      resetPolicy: { methodTimeoutMs: 100 },
      onEvent: ({ kind, ...rest }) => {
        if (kind === 'bar-not-withdrawn' || kind === 'interrupts-failed')
          problems.push(JSON.stringify({ kind, rest }, big))
      },
    })
    devices.push(device)
    return { fn, vmm, device, problems }
  })
  return { slots, memory, announce, domain: first.dma.domain }
}

function big(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value
}

describe('assigned devices of one guest', () => {
  it('leave nothing behind, whatever happened to them', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ containment, faults, actions }) => {
        const { slots, memory, announce, domain } = guest(containment, faults)
        const work: Promise<unknown>[] = []
        for (const step of actions) {
          if (step.do === 'memory') announce(step.pages)
          else if (step.do === 'wait') slots[0]?.fn.clock.advance(step.us)
          else {
            const slot = slots[step.which]
            if (slot === undefined) continue
            const { device, vmm } = slot
            if (step.do === 'config') {
              device.writeConfig(step.offset, step.width, step.value)
              device.readConfig(step.offset, step.width)
            } else if (step.do === 'place') {
              device.writeConfig(0x10, 4, bar)
              device.writeConfig(0x04, 2, step.command)
            } else if (step.do === 'bar') {
              const at = BigInt(bar + step.offset)
              vmm.write('memory', at, new Uint8Array(step.length).fill(step.value))
              vmm.read('memory', at, step.length)
            } else {
              const done = step.do === 'close' ? device.close() : device.reset().catch(unlessClosed)
              work.push(done)
              if (step.do === 'reset' && step.wait) await done
            }
          }
          for (const { vmm, fn } of slots) {
            if (vmm.traps.size > 0) assert.ok(fn.hardware.command & 3, 'a BAR is in the guest that does not decode')
          }
        }
        await Promise.all(work)
        await Promise.all(slots.map(({ device }) => device.close()))
        // One that is closed in the middle of a reset is the kernel's until that ends.
        await slots[0]?.fn.clock.sleep(60_000)
        for (const { vmm, device, problems, fn } of slots) {
          assert.equal(vmm.traps.size + vmm.maps.size + vmm.openRoutes + vmm.openLines, 0)
          assert.equal(device.inspect().phase, 'closed')
          assert.deepEqual(problems, [])
          assert.equal(fn.hardware.busMaster, false)
        }
        assert.equal(memory.listeners.size, 0)
        assert.deepEqual(domain.mappings, [])
      }),
      { numRuns: runs, seed, includeErrorInReport: true },
    )
  })
})

function unlessClosed(error: unknown): void {
  if (!(error instanceof QuiesceError) || error.code !== 'CLOSED') throw error
}
