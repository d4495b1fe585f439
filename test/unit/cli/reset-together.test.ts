import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deliverResults } from '../../../src/cli/commands/run-reset.js'
import { worstOf } from '../../../src/cli/exit-status.js'
import { formatReport } from '../../../src/cli/reset-output.js'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import type { PhysicalFunction } from '../../../src/function/physical-function.js'
import type { ResetReport } from '../../../src/reset/report.js'
import { type ResetResult, resetTogether } from '../../../src/reset/reset-together.js'
import { SimulatedMachine } from '../../../src/sim/simulated-machine.js'
import { inUse } from '../reset/in-use.js'
import { recorder } from './terminal-recorder.js'

function reportOf(result: ResetResult | undefined): ResetReport {
  assert.ok(result !== undefined && 'report' in result)
  return result.report
}

/** Not what hardware does: the function itself is broken. */
function broken(fn: PhysicalFunction, error: Error): PhysicalFunction {
  return Object.create(fn, {
    clock: {
      get() {
        throw error
      },
    },
    hotResetScope: { value: () => fn.hotResetScope() },
    address: { value: fn.address },
  }) as PhysicalFunction
}

describe('devices that are reset together', () => {
  it('are all reported, whichever of them fails, and then the failure', async () => {
    const machine = new SimulatedMachine()
    using flr = inUse('flr', { machine })
    using edu = inUse('edu', { machine })
    using nvme = inUse('nvme', { machine })
    const failure = new QuiesceError('SYSTEM', 'Cannot go on: broken', { device: 'sim:edu' })
    const results = await resetTogether([flr, broken(edu, failure), nvme])
    assert.deepEqual(
      results.map((result) => ('report' in result ? result.report.verdict : result.error)),
      ['clean', failure, 'clean'],
    )

    const words = recorder()
    assert.equal(deliverResults(results, words.terminal, {}, formatReport), 1)
    assert.match(words.printed.join('\n'), /sim:flr {2}CLEAN[\s\S]*sim:nvme {2}CLEAN/)
    assert.match(words.noted.join('\n'), /quiesce: Cannot go on: broken/)

    const json = recorder()
    assert.equal(deliverResults(results, json.terminal, { json: true }, formatReport), 1)
    const answers = JSON.parse(json.printed.join('')) as { schema: string; device: string }[]
    assert.deepEqual(
      answers.map(({ schema, device }) => [schema, device]),
      [
        ['quiesce.reset/1', 'sim:flr'],
        ['quiesce.error/1', 'sim:edu'],
        ['quiesce.reset/1', 'sim:nvme'],
      ],
    )
  })

  it('name the device of a failure that nobody foresaw', async () => {
    using edu = inUse('edu')
    const results = await resetTogether([broken(edu, new TypeError('x is not a function'))])
    const { terminal, printed } = recorder()
    assert.equal(deliverResults(results, terminal, { json: true }, formatReport), 1)
    const answer = JSON.parse(printed.join('')) as { schema: string; device: string; message: string }
    assert.equal(answer.schema, 'quiesce.error/1')
    assert.equal(answer.device, 'sim:edu')
    assert.match(answer.message, /^Cannot finish the reset of sim:edu: x is not a function$/)
  })

  it('have the status of the worst: a failure is worse than all but lost', () => {
    assert.equal(worstOf([]), 0)
    assert.equal(worstOf([0, 11, 10]), 11)
    assert.equal(worstOf([11, 1, 73]), 1)
    assert.equal(worstOf([69, 12, 1]), 12)
  })
})

describe('devices that one hot reset reaches', () => {
  /** Two siblings, reset in turn; `between` happens once the first has been reset. */
  async function resetSiblings(between: (first: ReturnType<typeof inUse>, second: ReturnType<typeof inUse>) => void) {
    const machine = new SimulatedMachine()
    const first = inUse('siblings.0', { machine })
    const second = inUse('siblings.1', { machine })
    let isBetween = true
    const results = await resetTogether([first, second], {
      policy: { methodTimeoutMs: 2000 },
      onStep: (fn) => {
        if (fn !== second || !isBetween) return
        isBetween = false
        between(first, second)
      },
    })
    return { first, second, reports: results.map(reportOf) }
  }

  it('are clean where both resets work, and both were looked at after the last', async () => {
    const { reports } = await resetSiblings(() => {})
    assert.deepEqual(
      reports.map(({ verdict }) => verdict),
      ['clean', 'clean'],
    )
    const [first] = reports
    const again = first?.steps.findIndex(({ what }) => /look again after the hot reset of sim:siblings\.1/.test(what))
    assert.ok(again !== undefined && again > 0)
    assert.deepEqual(
      first?.steps.map(({ at }) => at),
      first?.steps.map(({ at }) => at).sort((a, b) => a - b),
    )
    assert.equal(first?.verified.quiet, true)
  })

  it('are not called clean while the hot reset of the last is stuck', async () => {
    const { first, reports } = await resetSiblings((_, second) => second.faults.set('hot-reset-never-returns', true))
    assert.deepEqual(
      reports.map(({ verdict }) => verdict),
      ['contained', 'contained'],
    )
    assert.equal(reports[0]?.verified.quiet, false)
    assert.equal(reports[0]?.reusable, false)
    assert.equal(reports[0]?.timeToQuietUs, null)
    // The kernel comes back much later: still nothing of the first device lands.
    first.ledger.handOver()
    first.machine.clock.advance(10_000_000)
    assert.equal(first.ledger.foreignCount, 0)
  })

  it('are not called clean where the hot reset of the last loses the first', async () => {
    const { reports } = await resetSiblings((first) => first.faults.set('reset-falls-off', true))
    assert.equal(reports[0]?.verdict, 'contained')
    assert.equal(reports[0]?.verified.reachable, false)
  })

  it('stay clean where the hot reset of the last is refused and the first still verifies', async () => {
    const { reports } = await resetSiblings((_, second) => second.faults.set('hot-reset-fails', 'EPERM'))
    assert.deepEqual(
      reports.map(({ verdict }) => verdict),
      ['clean', 'quiesced'],
    )
    assert.equal(reports[0]?.reusable, true)
  })

  it('stay as bad as they were: what is contained or lost is not looked at again', async () => {
    const machine = new SimulatedMachine()
    using first = inUse('siblings.0', { machine })
    using second = inUse('siblings.1', { machine })
    first.faults.set('bus-master-stuck', true)
    const [report] = (await resetTogether([first, second])).map(reportOf)
    assert.equal(report?.verdict, 'contained')
    assert.ok(report?.steps.every(({ what }) => !what.startsWith('look again')))
  })
})
