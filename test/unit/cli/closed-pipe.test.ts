import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))

/** What a shell does for `quiesce ... | true`: a pipe whose reader has gone before anything is written. */
const lines = {
  stdout: 'exec 3>&1; { "$@" 2>/dev/null; echo $? >&3; } | true',
  stderr: 'exec 3>&1; { "$@" 2>&1 >/dev/null; echo $? >&3; } | true',
}

function statusWithClosed(stream: 'stdout' | 'stderr', args: readonly string[]): number {
  const { stdout } = spawnSync('sh', ['-c', lines[stream], 'sh', process.execPath, ...args], { encoding: 'utf8' })
  return Number(stdout)
}

const outliveReaders = new URL('../../../src/cli/outlive-readers.js', import.meta.url).href

/** Has something to do after its output is gone, as when the kernel takes its time to close a device. */
const slowToClose = `
import { setTimeout } from 'node:timers/promises'
import { outliveReaders } from '${outliveReaders}'
outliveReaders()
for (const stream of [process.stdout, process.stderr]) stream.write('a report')
await setTimeout(100)
for (const stream of [process.stdout, process.stderr]) stream.write('another')
await setTimeout(100)
process.exitCode = 12`

describe('an output that nobody reads', () => {
  for (const [stream, line, status] of [
    ['stdout', 'reset sim:lost --json', 12],
    ['stdout', 'reset sim:edu', 10],
    ['stdout', 'reset sim:flr sim:stuck-master --steps', 11],
    ['stdout', 'reset sim:nonsense --json', 69],
    ['stdout', 'demo', 0],
    ['stderr', 'reset 0000:7f:00.0', 69],
    ['stderr', 'frobnicate', 64],
  ] as const) {
    it(`as ${stream} of "quiesce ${line}" leaves the status ${status}`, () => {
      assert.equal(statusWithClosed(stream, [program, ...line.split(' ')]), status)
    })
  }

  for (const stream of ['stdout', 'stderr'] as const) {
    it(`as ${stream} does not end the program before it has closed its devices`, () => {
      assert.equal(statusWithClosed(stream, ['--input-type=module', '--eval', slowToClose]), 12)
    })
  }

  it('that is full is a failure, unless the status says something worse', () => {
    for (const [device, expected] of [
      ['sim:flr', 1],
      ['sim:lost', 12],
    ] as const) {
      const full = openSync('/dev/full', 'w')
      const { status, stderr } = spawnSync(process.execPath, [program, 'reset', device], {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      })
      closeSync(full)
      assert.equal(status, expected)
      assert.match(stderr, /^quiesce: Cannot write the output: ENOSPC/)
    }
  })
})
