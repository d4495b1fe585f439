// The reset procedure on the real kernel, in a program that holds several devices.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { ResetCase } from './guest/reset-cases.js'
import { runInVm } from './run-in-vm.js'
import { topology } from './topology.js'

interface ContainedCase {
  readonly case: string
  readonly ok: boolean
  readonly landed: boolean
  readonly stillMaster: boolean
}

describe('resets of devices that are held open, on the real kernel', () => {
  let cases: ReadonlyMap<string, ResetCase>

  before(async () => {
    const machine = topology(['edu-root', 'edu-shared-a', 'edu-shared-b', 'nvme', 'e1000e'])
    const run = await runInVm({ program: 'reset-cases', topology: machine, timeoutMs: 240_000 })
    assert.equal(run.exitCode, 0, run.serial)
    cases = new Map((run.results as ResetCase[]).map((entry) => [entry.case, entry]))
  })

  const find = (name: string): ResetCase => {
    const found = cases.get(name)
    assert.ok(found, `no result of: ${name}`)
    return found
  }

  it('a device whose reset methods are emptied while it is open goes on to the next rung', () => {
    const [report] = find('methods emptied while open').reports
    assert.deepEqual(
      report?.attempts.map(({ method, result }) => [method, result]),
      [
        ['vfio', 'unsupported'],
        ['hot', 'ok'],
      ],
    )
    assert.match(report?.attempts[0]?.reason ?? '', /ENOTTY/)
    assert.equal(report?.verdict, 'clean')
  })

  it('a companion in the middle of a DMA is quiesced before a hot reset takes it along', () => {
    const { reports, landed } = find('hot reset with a companion')
    assert.equal(reports[0]?.verdict, 'clean')
    assert.equal(landed, false)
  })

  it('two resets at once are both clean, and leave the event loop free', () => {
    const { reports, eventLoopTurns } = find('two at once')
    assert.deepEqual(
      reports.map(({ verdict }) => verdict),
      ['clean', 'clean'],
    )
    // Were the call to block, the reset would be over after the first turn.
    assert.ok((eventLoopTurns ?? 0) >= 2, `${eventLoopTurns} turns of the event loop`)
  })

  it('a device left in D3hot is woken, quiesced again and reset', () => {
    const [report] = find('left in D3hot').reports
    assert.equal(report?.verdict, 'clean')
    const steps = report?.steps.map(({ step }) => step) ?? []
    assert.ok(steps.indexOf('wake') > steps.indexOf('quiesce'))
    assert.ok(steps.lastIndexOf('quiesce') > steps.indexOf('wake'))
    assert.equal(report?.verified.powerState, 'D0')
  })

  it('containment stops a DMA in flight while Bus Master is still on', () => {
    const contained = find('contained') as unknown as ContainedCase
    assert.deepEqual([contained.ok, contained.landed, contained.stillMaster], [true, false, true])
  })
})
