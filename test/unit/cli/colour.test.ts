import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { makePaint, wantsColour } from '../../../src/cli/paint.js'
import { formatTable } from '../../../src/cli/table.js'
import { runProgram } from './run-program.js'

const escapeSequence = '\u001b['

describe('colour', () => {
  it('is for terminals only', () => {
    assert.ok(wantsColour({}, true))
    assert.ok(!wantsColour({}, false))
    assert.ok(!wantsColour({ TERM: 'dumb' }, true))
    assert.ok(!runProgram(['reset', 'sim:flr']).stdout.includes(escapeSequence))
  })

  it('is off with NO_COLOR, unless it is empty', () => {
    assert.ok(!wantsColour({ NO_COLOR: '1' }, true))
    assert.ok(wantsColour({ NO_COLOR: '' }, true))
  })

  it('is on with FORCE_COLOR, and off if that says so', () => {
    assert.ok(wantsColour({ FORCE_COLOR: '1', NO_COLOR: '1' }, false))
    assert.ok(!wantsColour({ FORCE_COLOR: '0' }, true))
    assert.ok(runProgram(['reset', 'sim:flr'], { env: { FORCE_COLOR: '1' } }).stdout.includes(escapeSequence))
  })

  it('never gets into JSON', () => {
    const { stdout } = runProgram(['reset', 'sim:flr', '--json'], { env: { FORCE_COLOR: '1' } })
    assert.ok(!stdout.includes(escapeSequence))
  })
})

describe('a table', () => {
  const columns = [
    { title: 'NAME', cell: (row: readonly string[]) => row[0] ?? '', shrinkTo: 5 },
    { title: 'NOTHING', cell: () => '' },
    { title: 'END', cell: (row: readonly string[]) => row[1] ?? '' },
  ]

  it('aligns columns whatever they are painted with, and leaves empty ones out', () => {
    const styled = columns.map((column) => ({ ...column, style: () => 'red' as const }))
    const plain = formatTable(
      styled,
      [
        ['a', 'x'],
        ['long', 'y'],
      ],
      makePaint(false),
    )
    assert.equal(plain, 'NAME  END\na     x\nlong  y')
    const painted = formatTable(styled, [['a', 'x']], makePaint(true))
    assert.equal(painted.split('\n').at(-1), '\u001b[31ma\u001b[39m     \u001b[31mx\u001b[39m')
  })

  it('cuts what may shrink where the terminal is too narrow', () => {
    const text = formatTable(columns, [['a very long name', 'x']], makePaint(false), 12)
    assert.equal(text, 'NAME     END\na very…  x')
  })
})
