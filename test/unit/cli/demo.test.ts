import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseAnswer, runProgram } from './run-program.js'

interface Scene {
  readonly id: string
  readonly landedBefore: number
  readonly landedAfter: number
  readonly bytesOverwritten: number
  readonly report: { readonly verdict: string; readonly attempts: readonly { method: string; result: string }[] }
}

describe('quiesce demo', () => {
  const scenes = (): Scene[] => parseAnswer(runProgram(['demo', '--json']))['scenes'] as Scene[]

  it('overwrites memory without the quiesce, and with it nothing', () => {
    const [without, withQuiesce] = scenes()
    assert.ok(without && withQuiesce)
    assert.ok(without.landedBefore > 0 && withQuiesce.landedBefore > 0)
    assert.ok(without.landedAfter > 0 && without.bytesOverwritten > 0)
    assert.equal(withQuiesce.landedAfter, 0)
    assert.equal(withQuiesce.bytesOverwritten, 0)
  })

  it('shows every rung and every verdict, and nothing lands unless it is lost', () => {
    const all = scenes()
    assert.deepEqual(
      new Set(all.map(({ report }) => report.verdict)),
      new Set(['clean', 'quiesced', 'contained', 'lost']),
    )
    const rungs = all.flatMap(({ report }) => report.attempts.filter(({ result }) => result === 'ok'))
    assert.deepEqual(
      rungs.map(({ method }) => method),
      ['vfio', 'hot', 'pm'],
    )
    for (const { id, report, landedAfter } of all) assert.equal(landedAfter > 0, report.verdict === 'lost', id)
  })

  it('takes less than ten seconds and draws every scene', () => {
    const started = process.hrtime.bigint()
    const { status, stdout, stderr } = runProgram(['demo'])
    assert.ok(process.hrtime.bigint() - started < 10_000_000_000n)
    assert.equal(status, 0)
    assert.equal(stderr, '')
    for (const verdict of ['CLEAN', 'QUIESCED', 'CONTAINED', 'LOST']) assert.ok(stdout.includes(`  ${verdict}`))
    assert.match(stdout, /✗/)
    assert.ok(stdout.split('\n').every((line) => !line.endsWith(' ')))
  })
})
