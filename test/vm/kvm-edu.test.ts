// A guest of the guest, on KVM, with an edu that is assigned to it: what the kernel can do alone does not come to
// JavaScript, and a reset of the machine in the middle of a transfer leaves the next guest's memory alone.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DeviceName } from './devices.js'
import type { MeasuredRun, ResetInFlight } from './guest/kvm-edu.js'
import { processorWithKvm } from './qemu-arguments.js'
import { runInVm } from './run-in-vm.js'
import { topology } from './topology.js'

/** A processor with virtualization, and memory for a guest. */
const withKvm = { cpuModel: processorWithKvm, memoryMiB: 1024, cpus: 2, modules: ['kvm'], timeoutMs: 300_000 } as const

type Result = Partial<ResetInFlight> & {
  readonly measured?: MeasuredRun
  readonly verdict?: string
  readonly whileBlocked?: number
  readonly closed?: boolean
  readonly event?: string
}

const verdicts: Readonly<Partial<Record<DeviceName, string>>> = { 'edu-root': 'quiesced', 'edu-port': 'clean' }

for (const device of ['edu-root', 'edu-port'] as const) {
  describe(`${device}, assigned to a guest on KVM`, async () => {
    const run = await runInVm({ ...withKvm, program: 'kvm-edu', args: [device], topology: topology([device]) })
    const results = run.results as Result[]
    const measured = results.flatMap(({ measured: one }) => (one === undefined ? [] : [one]))
    const resets = results.filter(({ mode }) => mode !== undefined)

    it('the run comes to its end', () => {
      assert.equal(run.exitCode, 0, run.serial)
      assert.equal(results.at(-1)?.closed, true)
    })

    it('ten thousand accesses and a hundred MSIs, and nothing of them comes to JavaScript', () => {
      const [first] = measured
      assert.ok(first)
      const { accesses, interrupts, transfers, mismatches, identification, barSize, factorial } = first.results
      assert.equal(identification, 0x0100_00ed)
      assert.equal(barSize, 0x10_0000)
      assert.equal(factorial, 120)
      assert.ok(accesses >= 10_000, `${accesses} accesses`)
      assert.ok(interrupts >= 100, `${interrupts} interrupts`)
      assert.equal(transfers, 4)
      assert.equal(mismatches, 0)
      // The one exit is the guest's mark.
      assert.deepEqual(first.exits, { config: 0, port: 1, memory: 0, interrupt: 0 })
      assert.equal(first.kernelMmioExits, 0, 'by what KVM itself counts')
    })

    it('INTx is raised and ended by the kernel alone', () => {
      const line = measured.find(({ interrupts }) => interrupts === 'intx')
      assert.ok(line)
      assert.equal(line.results.interrupts, 52)
      assert.equal(line.results.mismatches, 0)
      assert.deepEqual(line.exits, { config: 0, port: 1, memory: 0, interrupt: 0 })
    })

    it('interrupts arrive while JavaScript stands still', () => {
      const [count] = results.flatMap(({ whileBlocked }) => whileBlocked ?? [])
      assert.ok(count !== undefined && count >= 10, `${count} interrupts`)
    })

    it('a reset of the machine in the middle of a transfer: nothing lands in the next guest’s memory', () => {
      const assigned = resets.filter(({ mode }) => mode === 'assigned')
      assert.equal(assigned.length, 5)
      for (const round of assigned) {
        const { intactAtReset, landed, verdict } = round
        assert.deepEqual(
          { intactAtReset, landed, verdict },
          { intactAtReset: true, landed: false, verdict: verdicts[device] },
        )
      }
    })

    it('without the quiesce it lands: so the test can fail', () => {
      const bare = resets.filter(({ mode }) => mode === 'bare')
      assert.equal(bare.length, 3)
      assert.ok(bare.filter(({ landed }) => landed).length >= 2, JSON.stringify(bare))
      for (const { verdict } of bare) assert.equal(verdict, 'lost')
    })

    it('a guest that boots after all that drives the device anew', () => {
      const last = measured.at(-1)
      assert.equal(measured.length, 3)
      assert.equal(last?.results.interrupts, 4)
      assert.equal(last?.results.mismatches, 0)
    })

    it('the device told its owner of resets only', () => {
      const events = new Set(results.flatMap(({ event }) => event ?? []))
      assert.deepEqual([...events], ['reset'])
    })
  })
}
