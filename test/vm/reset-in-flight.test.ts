// What Quiesce exists for, on the kernel's own VFIO: a device is reset in the middle of a DMA, and nothing lands after it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ResetReport } from '../../src/reset/report.js'
import { accessesBetween, type ConfigAccess } from './config-trace.js'
import type { DeviceName } from './devices.js'
import type { InFlightRound } from './guest/reset-in-flight.js'
import { runInVm, type VmRun } from './run-in-vm.js'
import { topology } from './topology.js'

const rounds = 20
const commandOffset = 4
const onTheBus = 0x7

const expected = {
  'edu-root': {
    verdict: 'quiesced',
    attempts: [
      ['vfio', 'skipped'],
      ['hot', 'skipped'],
      ['pm', 'skipped'],
    ],
  },
  'edu-port': { verdict: 'clean', attempts: [['vfio', 'ok']] },
} as const

async function run(device: DeviceName, mode: 'quiesce' | 'bare'): Promise<VmRun> {
  const result = await runInVm({
    program: 'reset-in-flight',
    args: [device, String(rounds), mode],
    topology: topology([device]),
  })
  assert.equal(result.exitCode, 0, result.serial)
  return result
}

function roundsOf(run: VmRun): InFlightRound[] {
  const found = (run.results as Partial<InFlightRound>[]).filter((result) => result.round !== undefined)
  assert.equal(found.length, rounds)
  return found as InFlightRound[]
}

function reportOf(run: VmRun): ResetReport {
  const found = (run.results as { report?: ResetReport }[]).find((result) => result.report !== undefined)
  assert.ok(found?.report)
  return found.report
}

function commandWrites(run: VmRun, device: DeviceName, from: number, to: number): ConfigAccess[] {
  return accessesBetween(run.configWrites, from, to).filter(
    (access) => access.device === device && access.kind === 'write' && access.offset === commandOffset,
  )
}

/** What QEMU saw: Command cleared before the reset, and nothing that puts the device back on the bus after it. */
function assertTrace(result: VmRun, device: 'edu-root' | 'edu-port', { round, marks }: InFlightRound): void {
  const [started, returned, waited] = marks
  const during = accessesBetween(result.configWrites, started, returned)
  const writes = commandWrites(result, device, started, returned)
  const first = writes.findIndex(({ value }) => (value & onTheBus) === 0)
  const cleared = writes[first]
  assert.ok(cleared, `round ${round}: Command was never written with Bus Master, Memory and I/O Space clear`)
  const reset = during.findIndex(isSecondaryBusReset)
  if (device === 'edu-port') assert.ok(reset > during.indexOf(cleared), `round ${round}: not before the reset`)
  else assert.equal(reset, -1, 'edu on the root bus has nothing that could reset it')
  for (const { value } of [...writes.slice(first), ...commandWrites(result, device, returned, waited)]) {
    assert.equal(value & onTheBus, 0, `round ${round}: a later write put the device back on the bus`)
  }
}

for (const device of ['edu-root', 'edu-port'] as const) {
  describe(`a reset of ${device} in the middle of a DMA`, () => {
    it(`with the quiesce: nothing lands afterwards, in ${rounds} of ${rounds}`, async () => {
      const result = await run(device, 'quiesce')
      for (const round of roundsOf(result)) {
        assert.equal(round.intactAtReset, true, `round ${round.round}: data landed in the reset`)
        assert.equal(round.landed, false, `round ${round.round}: data landed after the reset`)
        assert.equal(round.commandAfter & onTheBus, 0)
        assert.equal(round.verdict, expected[device].verdict)
        assert.ok(round.timeToQuietUs !== null)
      }
      const report = reportOf(result)
      const attempts = report.attempts.map(({ method, result: ended }) => [method, ended])
      assert.deepEqual(attempts, expected[device].attempts)
      assert.deepEqual(report.verified, { reachable: true, quiet: true, powerState: 'D0', interruptsOff: true })

      for (const round of roundsOf(result)) assertTrace(result, device, round)
    })

    it(`without it, data lands after the reset, in at least ${rounds - 1} of ${rounds}: so the test can fail`, async () => {
      const result = await run(device, 'bare')
      const all = roundsOf(result)
      const landed = all.filter((round) => round.landed).length
      assert.ok(landed >= rounds - 1, `landed in ${landed} of ${rounds}`)
      for (const round of all) assert.equal(round.verdict, 'lost', 'the report must not claim more')
    })
  })
}

/** Bridge Control's Secondary Bus Reset (PCI 3.0 bridge 3.2.5.18), bit 6 of the word at 0x3e. */
function isSecondaryBusReset({ device, kind, offset, value }: ConfigAccess): boolean {
  return device !== 'ICH9-LPC' && kind === 'write' && offset === 0x3e && (value & 0x40) !== 0
}
