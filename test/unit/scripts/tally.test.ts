import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const scripts = new URL('../../../../scripts/', import.meta.url)

interface Tally {
  fail(times?: number): void
  pass(event: { details: { type?: string }; skip?: boolean | string; todo?: boolean | string }, isFile: boolean): void
  failTest(event: { details: { type?: string } }): void
  end(isComplete: boolean): { status: number; line: string }
}

async function tally(inCi: boolean): Promise<Tally> {
  const { makeTally } = (await import(new URL('tally.mjs', scripts).href)) as { makeTally(inCi: boolean): Tally }
  return makeTally(inCi)
}

const test = { details: {} }

describe('the last line of npm test', () => {
  it('counts tests, not suites and files', async () => {
    const run = await tally(true)
    run.pass(test, false)
    run.pass({ details: { type: 'suite' } }, false)
    run.pass(test, true)
    assert.deepEqual(run.end(true), { status: 0, line: '1 passed, 0 failed' })
    run.failTest(test)
    run.failTest({ details: { type: 'suite' } })
    assert.deepEqual(run.end(true), { status: 1, line: '1 passed, 1 failed' })
  })

  for (const mark of [{ skip: true }, { skip: '' }, { skip: 'no KVM' }, { todo: true }]) {
    it(`counts ${JSON.stringify(mark)} as skipped, and in CI as failed`, async () => {
      for (const details of [{}, { type: 'suite' }]) {
        const here = await tally(false)
        here.pass(test, false)
        here.pass({ details, ...mark }, false)
        assert.deepEqual(here.end(true), { status: 0, line: '1 passed, 0 failed, 1 skipped' })
        const inCi = await tally(true)
        inCi.pass(test, false)
        inCi.pass({ details, ...mark }, false)
        assert.deepEqual(inCi.end(true), { status: 1, line: '1 passed, 1 failed' })
      }
    })
  }

  it('has a failure where the run broke off, or tested nothing', async () => {
    const run = await tally(true)
    assert.deepEqual(run.end(true), { status: 1, line: '0 passed, 1 failed' })
    run.pass(test, false)
    assert.deepEqual(run.end(false), { status: 1, line: '1 passed, 1 failed' })
    run.fail(2)
    assert.deepEqual(run.end(false), { status: 1, line: '1 passed, 2 failed' })
  })

  it('is the last that an exception lets out', () => {
    const script = fileURLToPath(new URL('test.mjs', scripts))
    // Both streams into one, as a log of CI has them.
    const run = spawnSync('sh', ['-c', '"$0" "$1" --no-such-option 2>&1', process.execPath, script], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], CI: 'true' },
    })
    assert.equal(run.status, 1)
    assert.match(run.stdout, /no-such-option/)
    assert.equal(run.stdout.trimEnd().split('\n').at(-1), '0 passed, 1 failed')
  })
})
