// An edu that is assigned to a guest of ours, on the real kernel: all that such a guest can do, by group and by cdev.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { backends, ScenarioRun } from './assigned-trace.js'
import type { InFlightResult } from './guest/assigned/edu-resets.js'
import { topology } from './topology.js'

const rounds = 8
const identification = 0x0100_00ed

for (const { backend, kernel } of backends) {
  describe(`edu, assigned to a guest by ${backend}`, () => {
    const boot = ScenarioRun.once({
      program: 'assigned-edu',
      args: [backend],
      topology: topology(['edu-root', 'edu-port']),
      kernel,
    })

    it('is found, sized by accesses of any width, placed, moved and switched off', async () => {
      const run = await boot()
      const found = run.result('enumerate')
      const bar = { index: 0, kind: 'memory', is64Bit: false, size: '0x100000' }
      assert.equal(found.backend, `vfio-${backend}`)
      assert.equal(found.ids, '1234:11e8')
      assert.deepEqual(found.capabilities, { standard: [5], extended: [] })
      assert.deepEqual(found.sized, [[bar], [bar], [bar]])
      assert.deepEqual([found.before, found.placed], [[], []], 'nowhere before it is switched on')
      assert.deepEqual(found.enabled, { places: ['memory 0xe0000000 0x100000 mapped'], id: identification })
      const moved = { places: ['memory 0xf1200000 0x100000 mapped'], id: identification }
      assert.deepEqual(found.moved, moved)
      assert.deepEqual(found.sizedAgain, { bars: [bar], ...moved }, 'sized while it is switched on')
      assert.deepEqual(found.disabled, { places: [], there: false, id: 0xffff_ffff })
      assert.deepEqual(found.again, moved)
    })

    it('has only Command written for that', async () => {
      const run = await boot()
      const { marks } = run.result('enumerate')
      assert.deepEqual(
        run.writes('edu-root', marks).map(({ offset, value }) => [offset, value]),
        [
          [4, 2],
          [4, 0],
          [4, 2],
        ],
      )
    })

    for (const where of ['on the root bus', 'behind a port']) {
      it(`reads and writes the guest’s memory at the guest’s addresses, ${where}`, async () => {
        const run = await boot()
        assert.deepEqual(run.result(`dma ${where}`), { same: true, beyond: true })
      })
    }

    for (const how of ['eventfd', 'callback']) {
      it(`interrupts its guest by MSI and by INTx, through the VMM’s ${how}s`, async () => {
        const run = await boot()
        const { raised, factorial, finished, off, intx, failures } = run.result(`interrupts by ${how}`)
        const message = (data: number) => [{ address: '0xfee00000', data }]
        assert.deepEqual(raised, { messages: message(0x41), status: 0x1234 })
        assert.deepEqual(factorial, { messages: message(0x41), status: 1, value: 3_628_800 })
        assert.deepEqual(finished, { messages: message(0x52), status: 0x100 })
        assert.deepEqual(off, { messages: [], raised: 0 }, 'with MSI off and INTx disabled')
        assert.deepEqual(intx, { once: 1, again: 2, status: 2, served: 2, next: { raised: 3, status: 4 } })
        assert.deepEqual(failures, [])
      })
    }

    for (const [device, verdict] of [
      ['edu-root', 'quiesced'],
      ['edu-port', 'clean'],
    ] as const) {
      it(`${device}: nothing of a DMA in flight lands after a reset of the machine, in ${rounds} of ${rounds}`, async () => {
        const run = await boot()
        const { rounds: results, id } = run.result(`in flight, ${device}`)
        assert.equal(results.length, rounds)
        for (const { marks, ...result } of results as InFlightResult[]) {
          assert.deepEqual(result, {
            intactAtReset: true,
            landed: false,
            verdict,
            reusable: true,
            command: 0,
            isThere: false,
          })
          const [started, , waited] = marks
          run.assertQuiescedFirst(device, [started, waited])
        }
        assert.equal(id, identification, 'the next guest finds a device that works')
      })
    }

    it(`without the quiesce it lands, in at least ${rounds - 1} of ${rounds}: so the test can fail`, async () => {
      const run = await boot()
      const { rounds: results } = run.result('in flight, bare')
      assert.equal(results.length, rounds)
      const landed = (results as InFlightResult[]).filter((result) => result.landed).length
      assert.ok(landed >= rounds - 1, `landed in ${landed} of ${rounds}`)
    })

    for (const [scenario, device, attempts] of [
      ['quarantine without a method', 'edu-root', ['vfio skipped', 'hot skipped', 'pm skipped']],
      ['quarantine after a failed reset', 'edu-port', ['vfio unsupported']],
    ] as const) {
      it(`${scenario}: it stays quiet, whatever the guest writes`, async () => {
        const run = await boot()
        const { marks, attempts: tried, ...rest } = run.result(scenario).quiet
        assert.deepEqual(
          (tried as string[][]).map((each) => each.join(' ')),
          attempts,
        )
        assert.deepEqual(rest, {
          verdict: 'quiesced',
          usable: false,
          ids: '1234:11e8',
          places: [],
          guestCommand: 0,
          hardwareCommand: 0,
          landed: false,
          events: ['reset', 'quarantined'],
        })
        assert.deepEqual(run.writes(device, marks), [], 'nothing that the guest writes reaches it')
      })
    }

    it('leaves quarantine by a reset that works', async () => {
      const run = await boot()
      const { after } = run.result('quarantine after a failed reset')
      assert.deepEqual(after, { verdict: 'clean', usable: true, id: identification })
    })

    it('opened and closed 50 times, leaves no descriptor and no mapping', async () => {
      const run = await boot()
      const { before: first, open, after, answered } = run.result('opened and closed')
      assert.equal(answered, 50)
      assert.ok(open.fds > first.fds && open.vfioMaps > 0, 'while it is open there are some')
      assert.deepEqual(after, first)
      assert.equal(after.vfioMaps, 0)
    })

    for (const scenario of ['asked back', 'asked back, without a guest']) {
      it(`${scenario}: its driver is taken away once it is closed, and not before`, async () => {
        const run = await boot()
        const { id, ...rest } = run.result(scenario)
        assert.deepEqual(rest, { asked: true, waited: true, ended: true, status: 0 })
        assert.equal(id, identification, 'until then it goes on')
      })
    }
  })
}
