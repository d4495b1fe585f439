// Runs the compiled program as a user does: a process of its own.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { schemas } from '../../../src/cli/schemas/schemas.js'
import { violations } from './validate-schema.js'

const program = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))

export interface Run {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

/** Colour and debugging of the machine that runs the tests are left out. */
const plainEnv = { PATH: process.env['PATH'], TERM: 'xterm' }

export function runProgram(args: readonly string[], options: RunOptions = {}): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    env: { ...plainEnv, ...options.env },
    ...(options.input === undefined ? {} : { input: options.input }),
    timeout: 60_000,
  })
  return { status, stdout, stderr }
}

/** What the program printed as JSON, after it has been held against the schema that it names. */
export function parseAnswer(run: Run): Record<string, unknown> {
  const answer: unknown = JSON.parse(run.stdout)
  assertValid(answer)
  return answer as Record<string, unknown>
}

export function parseAnswers(run: Run): Record<string, unknown>[] {
  const answers: unknown = JSON.parse(run.stdout)
  assert.ok(Array.isArray(answers))
  for (const answer of answers) assertValid(answer)
  return answers
}

function assertValid(answer: unknown): void {
  assert.ok(typeof answer === 'object' && answer !== null && 'schema' in answer)
  const schema = schemas[String(answer.schema)]
  assert.ok(schema, `there is a schema ${answer.schema}`)
  assert.deepEqual(violations(schema, answer), [])
}
