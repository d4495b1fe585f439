// Network cards that are assigned to guests of ours, and a virtual function, on the real kernel, by group and by cdev.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { backends, ScenarioRun } from './assigned-trace.js'
import { topology } from './topology.js'

const fourBars = (last: boolean) => [
  { index: 0, kind: 'memory', is64Bit: false, size: '0x20000' },
  { index: 1, kind: 'memory', is64Bit: false, size: '0x20000' },
  { index: 2, kind: 'io', is64Bit: false, size: '0x20' },
  { index: 3, kind: 'memory', is64Bit: last, size: '0x4000' },
]
const hidden = [0x0e, 0x10, 0x15]

for (const { backend, kernel } of backends) {
  describe(`network cards, assigned to guests by ${backend}`, () => {
    const boot = ScenarioRun.once({
      program: 'assigned-network',
      args: [backend],
      topology: topology(['e1000e', 'igb']),
      kernel,
    })

    // biome-ignore lint/suspicious/noExplicitAny: a result of the guest program
    const assertVectors = (result: any, which: readonly number[]): void => {
      assert.equal(result.backend, `vfio-${backend}`)
      const [first, ...others] = which
      assert.deepEqual(
        result.each,
        which.map((vector) => [vector]),
        'each its own',
      )
      assert.deepEqual(result.together, which)
      assert.deepEqual(result.masked, others, 'one is masked, and the others go on')
      assert.equal(result.pending, true)
      assert.deepEqual(result.late, [first])
      assert.deepEqual(result.events, [])
      assert.equal(result.capabilities.problem, undefined)
      for (const id of hidden) assert.ok(!result.capabilities.extended.includes(id), `0x${id.toString(16)} is shown`)
    }

    for (const how of ['eventfd', 'callback']) {
      it(`e1000e signals several vectors of MSI-X, through the VMM’s ${how}s`, async () => {
        const run = await boot()
        const result = run.result(`e1000e by ${how}`)
        assert.equal(result.ids, '8086:10d3')
        assert.equal(result.vectors, 5)
        assert.deepEqual(result.bars, fourBars(false))
        assertVectors(result, [0, 1, 2])
        run.assertBarsNeverWritten('e1000e', result.marks)
      })
    }

    it('igb signals several vectors of MSI-X, and its virtual functions are none of the guest’s', async () => {
      const run = await boot()
      const result = run.result('igb')
      assert.equal(result.ids, '8086:10c9')
      assert.equal(result.vectors, 10)
      assert.deepEqual(result.bars, fourBars(true))
      assertVectors(result, [0, 1, 4, 9])
      run.assertBarsNeverWritten('igb', result.marks)
    })

    for (const device of ['e1000e', 'igb']) {
      it(`${device} comes back from D3hot with its registers reset (NoSoftRst = 0)`, async () => {
        const run = await boot()
        const { before: first, noSoftReset, asleep, awake, after, events } = run.result(`${device}, power`)
        assert.deepEqual([first, noSoftReset], [[1], false])
        assert.deepEqual([asleep.state, asleep.places], [3, []])
        assert.deepEqual(awake, { state: 0, places: [], command: 0, hardwareCommand: 0, bar: 0, msix: 0 })
        assert.deepEqual(after, [1], 'set up anew, it works')
        assert.deepEqual(events, [])
      })
    }

    it('an I/O BAR is a range of ports, while I/O Space is enabled', async () => {
      const run = await boot()
      const { value, placesWithout, all, events } = run.result('e1000e, ports')
      assert.equal(value, 0x1234)
      assert.ok(!placesWithout.some((place: string) => place.startsWith('port')))
      assert.equal(all, 0xffff_ffff)
      assert.deepEqual(events, [])
    })

    it('igb is reset by its guest', async () => {
      const run = await boot()
      const result = run.result('igb, function level reset')
      assert.deepEqual(result.after, { ids: '8086:10c9', command: 0, there: false, bar: 0 })
      assert.deepEqual([result.before, result.during, result.again], [[1], 'ffff:ffff', [1]])
      assert.deepEqual(result.resets, [['guest', 'clean']])
      run.assertQuiescedFirst('igb', result.marks)
    })

    it('a virtual function signals its vectors to its own guest', async () => {
      const run = await boot()
      const { vectors: result } = run.result('virtual function')
      assert.equal(result.ids, '8086:10ca')
      assert.deepEqual(result.bars, [
        { index: 0, kind: 'memory', is64Bit: true, size: '0x4000' },
        { index: 3, kind: 'memory', is64Bit: true, size: '0x4000' },
      ])
      assert.equal(result.vectors, 3)
      assertVectors(result, [0, 1, 2])
      run.assertBarsNeverWritten('igbvf', result.marks)
    })

    it('a virtual function decodes as its guest has Memory Space Enable, which its hardware does not have', async () => {
      const run = await boot()
      const { isVirtual, off, on, offAgain, events } = run.result('virtual function').decoding
      assert.equal(isVirtual, true)
      assert.deepEqual(off, { places: [], command: 0 })
      assert.deepEqual([on.command, on.places.length > 0, on.answers], [2, true, true])
      assert.deepEqual(offAgain, { places: [], command: 0, value: 0xffff_ffff })
      assert.deepEqual(events, [])
    })

    it('a virtual function is reset by its guest', async () => {
      const run = await boot()
      const { reset: result } = run.result('virtual function')
      assert.deepEqual(result.after, { ids: '8086:10ca', command: 0, there: false, bar: 12 })
      assert.deepEqual([result.before, result.during, result.again], [[1], 'ffff:ffff', [1]])
      assert.deepEqual(result.resets, [['guest', 'clean']])
      run.assertQuiescedFirst('igbvf', result.marks)
    })
  })
}
