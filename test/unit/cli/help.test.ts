import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { commands } from '../../../src/cli/program.js'
import { runProgram } from './run-program.js'

describe('the help', () => {
  it('names every command and every exit status', () => {
    const { status, stdout } = runProgram(['--help'])
    assert.equal(status, 0)
    for (const { name } of commands) assert.match(stdout, new RegExp(`^  ${name}\\b`, 'm'))
    for (const code of [0, 1, 10, 11, 12, 64, 69, 73, 77]) assert.match(stdout, new RegExp(`^  ${code} `, 'm'))
  })

  for (const { name, examples, options } of commands) {
    it(`of ${name} has its options and examples`, () => {
      const { status, stdout } = runProgram([name, '--help'])
      assert.equal(status, 0)
      assert.match(stdout, new RegExp(`^Usage: quiesce ${name}`))
      assert.ok(examples.length > 0)
      for (const { line } of examples) assert.ok(stdout.includes(line))
      for (const { flags } of Object.values(options)) assert.ok(stdout.includes(flags))
      assert.equal(runProgram(['help', name]).stdout, stdout)
    })
  }

  it('names no command that is not there', () => {
    const { stdout } = runProgram(['--help'])
    for (const name of ['bind', 'unbind', 'doctor']) assert.doesNotMatch(stdout, new RegExp(`^  ${name}\\b`, 'm'))
  })
})

describe('the version', () => {
  it('is that of the package', () => {
    const manifest: { version: string } = JSON.parse(
      readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'),
    )
    assert.deepEqual(runProgram(['--version']), { status: 0, stdout: `${manifest.version}\n`, stderr: '' })
  })
})
