import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorToJson, reportError } from '../../../src/cli/error-output.js'
import { worstStatus } from '../../../src/cli/exit-status.js'
import { errorSchema } from '../../../src/cli/schemas/error-schema.js'
import { QuiesceError } from '../../../src/errors/quiesce-error.js'
import { recorder } from './terminal-recorder.js'
import { violations } from './validate-schema.js'

const busy = new QuiesceError('BUSY', 'Cannot open 0000:03:00.0: its group is open already', {
  device: '0000:03:00.0',
  syscall: 'open(/dev/vfio/7)',
  errno: 16,
  errnoName: 'EBUSY',
  hint: 'Stop the process that has it open',
})

describe('an error', () => {
  it('is a message and a hint', () => {
    const { terminal, printed, noted } = recorder()
    assert.equal(reportError(busy, terminal, false), 73)
    assert.deepEqual(noted, [`quiesce: ${busy.message}`, '  hint: Stop the process that has it open'])
    assert.deepEqual(printed, [])
  })

  it('as JSON has the system call and the errno', () => {
    const { terminal, printed } = recorder()
    reportError(busy, terminal, true)
    const answer: unknown = JSON.parse(printed.join(''))
    assert.deepEqual(answer, errorToJson(busy))
    assert.deepEqual(violations(errorSchema, answer), [])
    assert.equal((answer as { errno: string }).errno, 'EBUSY')
  })

  it('that nobody foresaw is a defect, and status 1', () => {
    const { terminal, noted } = recorder()
    assert.equal(reportError(new TypeError('x is not a function'), terminal, false), 1)
    assert.match(noted.join('\n'), /Cannot go on: x is not a function\n {2}hint: .*report it/)
  })

  it('that another followed counts before that one, and both are told', async () => {
    const { terminal, noted } = recorder()
    const thrown: unknown = await (async () => {
      await using _ = {
        [Symbol.asyncDispose]: async () => {
          throw new TypeError('closing failed')
        },
      }
      throw busy
    })().catch((error: unknown) => error)
    assert.equal(reportError(thrown, terminal, false), 73)
    assert.equal(noted[0], `quiesce: ${busy.message}`)
    assert.match(noted.join('\n'), /Cannot go on: closing failed/)
  })
})

describe('the status of several verdicts', () => {
  it('is that of the worst', () => {
    assert.equal(worstStatus(['clean', 'clean']), 0)
    assert.equal(worstStatus(['quiesced', 'lost', 'clean', 'contained']), 12)
    assert.equal(worstStatus([]), 0)
  })
})

describe('the validator of the tests', () => {
  it('finds what is missing, what is too much, and what is of another type', () => {
    const { hint, ...rest } = errorToJson(busy)
    assert.deepEqual(violations(errorSchema, rest), ['$.hint is missing'])
    assert.deepEqual(violations(errorSchema, { ...rest, hint, more: 1 }), ['$.more is not in the schema'])
    assert.deepEqual(violations(errorSchema, { ...rest, hint: 7 }), ['$.hint is integer, not string or null'])
    assert.deepEqual(violations(errorSchema, { ...rest, hint, schema: 'other' }), ['$.schema is not quiesce.error/1'])
  })
})
