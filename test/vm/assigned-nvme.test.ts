// A real NVMe controller that is assigned to a guest of ours, on the real kernel, by group and by cdev.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { backends, ScenarioRun } from './assigned-trace.js'
import { topology } from './topology.js'

const message = (data: number) => [{ address: '0xfee00000', data }]
const identity = { vendor: 0x1b36, serial: 'quiesce', model: 'QEMU NVMe Ctrl' }
const completed = { status: 0, command: true, identity }
const identified = { heard: true, messages: message(0x61), completed: true, ...completed }

for (const { backend, kernel } of backends) {
  describe(`nvme, assigned to a guest by ${backend}`, () => {
    const boot = ScenarioRun.once({ program: 'assigned-nvme', args: [backend], topology: topology(['nvme']), kernel })

    for (const how of ['eventfd', 'callback']) {
      it(`says who it is, by queues in the guest’s memory and MSI-X, through the VMM’s ${how}s`, async () => {
        const run = await boot()
        const { ids, backend: used, bars, places, found, first, same, events } = run.result(`identify by ${how}`)
        assert.equal(ids, '1b36:0010')
        assert.equal(used, `vfio-${backend}`)
        assert.deepEqual(bars, [{ index: 0, kind: 'memory', is64Bit: true, size: '0x4000' }])
        assert.deepEqual(places, ['memory 0xe0000000 0x2000 mapped', 'memory 0xe0002000 0x2000 trapped'])
        assert.deepEqual(found, { version: 0x1_0400, vectors: 65, isReady: true })
        assert.deepEqual(first, identified)
        assert.equal(same, 20, 'and says it again')
        assert.deepEqual(events, [])
      })
    }

    it('shows no capability that a guest cannot use, in a chain that can be walked', async () => {
      const run = await boot()
      const { standard, extended, problem } = run.result('identify by eventfd').capabilities
      assert.equal(problem, undefined)
      assert.deepEqual(
        [...standard].sort((a, b) => a - b),
        [0x01, 0x10, 0x11],
      )
      for (const id of [0x0e, 0x10, 0x15]) assert.ok(!extended.includes(id), `0x${id.toString(16)} is shown`)
    })

    it('has neither its BARs nor its masks written by the guest', async () => {
      const run = await boot()
      const [opened, ready, masked] = run.result('identify by eventfd').marks
      run.assertBarsNeverWritten('nvme', [opened, ready])
      // The kernel makes sure that the device decodes (Command) when an interrupt gets another destination.
      const masking = run.writes('nvme', [ready, masked]).filter(({ offset, value }) => offset !== 4 || value !== 6)
      assert.deepEqual(masking, [], 'Function Mask is emulated')
    })

    for (const how of ['vector', 'all', 'reprogrammed']) {
      it(`remembers what is pending while it is masked, and sends it then: ${how}`, async () => {
        const run = await boot()
        const { [how]: result, events } = run.result('masks')
        assert.deepEqual(result, {
          whileMasked: { messages: 0, pending: true, completed: true },
          heard: true,
          messages: message(how === 'reprogrammed' ? 0x77 : 0x61),
          pending: false,
          ...completed,
        })
        assert.deepEqual(events, [])
      })
    }

    it('remembers for itself what is pending of a vector that was never unmasked', async () => {
      const run = await boot()
      const { late, next, events } = run.result('unmasked late')
      assert.deepEqual(late, { before: 0, heard: true, ...completed })
      assert.deepEqual(next, identified)
      assert.deepEqual(events, [])
    })

    it('leaves the guest in D3hot, and goes on as it was in D0', async () => {
      const run = await boot()
      const { first, rounds, events } = run.result('power')
      assert.equal(first, true)
      assert.equal(rounds.length, 3)
      for (const round of rounds) {
        assert.deepEqual(round.asleep, { state: 3, hardware: 3, places: [], there: false, ids: '1b36:0010' })
        assert.deepEqual(round.awake, { state: 0, there: true, isReady: true })
        assert.deepEqual(round.identify, identified)
      }
      assert.deepEqual(events, [])
    })

    it('is reset by Initiate FLR, written in any width and lane', async () => {
      const run = await boot()
      const { rounds, resets, again, others } = run.result('function level reset')
      assert.deepEqual(
        rounds.map(({ offset, width }: { offset: number; width: number }) => [offset, width]),
        [
          [0, 2],
          [1, 1],
          [0, 4],
          [-2, 4],
          [1, 2],
        ],
      )
      for (const round of rounds) {
        assert.equal(round.isReady && round.before, true)
        assert.deepEqual(round.during, { ids: 'ffff:ffff', command: 0xffff, there: false }, 'nobody is there')
        const { msix, ...after } = round.after
        assert.deepEqual(after, { ids: '1b36:0010', command: 0, bar: 4, there: false, usable: true })
        assert.equal(msix & 0xc000, 0)
        run.assertQuiescedFirst('nvme', round.marks)
      }
      assert.deepEqual(resets, Array(5).fill({ cause: 'guest', verdict: 'clean' }))
      assert.deepEqual(again, identified)
      assert.deepEqual(others, [])
    })
  })
}
