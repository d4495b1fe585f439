// What holds of every transfer that was cut short, whatever cut it.
import assert from 'node:assert/strict'
import { accessesBetween } from './config-trace.js'
import type { CutTransfer } from './guest/whole-way-service.js'
import type { VmRun } from './run-in-vm.js'

const commandOffset = 4
const busMaster = 4

/** `marks`: before it began, when the device was said to be quiet, and when all that was in flight would have arrived. */
export function assertQuiet(
  run: VmRun,
  device: string,
  cut: CutTransfer,
  [begun, quiet, later]: readonly [number, number, number],
): void {
  const { order } = cut
  assert.equal(cut.isIntact, true, "data landed in memory that was somebody else's by then")
  assert.equal(cut.commandWhenQuiet & busMaster, 0)
  // A client that lives may unmap what it likes; of one that is gone, nothing is unmapped before.
  const steps = order.filter((step) => order.includes('quiesce') || !step.startsWith('unmap'))
  const isOver = steps.findIndex((step) => step.endsWith(' over'))
  const unmapped = steps.findIndex((step) => step.startsWith('unmap'))
  assert.ok(isOver !== -1 && (unmapped === -1 || isOver < unmapped), `memory went first: ${order.join(', ')}`)
  const during = commandWrites(run, device, begun, quiet)
  const cleared = during.findIndex((value) => (value & busMaster) === 0)
  assert.notEqual(cleared, -1, 'Bus Master was never cleared')
  for (const value of [...during.slice(cleared), ...commandWrites(run, device, quiet, later)]) {
    assert.equal(value & busMaster, 0, 'a later write put it back on the bus')
  }
}

function commandWrites(run: VmRun, device: string, from: number, to: number): number[] {
  return accessesBetween(run.configWrites, from, to)
    .filter((access) => access.device === device && access.kind === 'write' && access.offset === commandOffset)
    .map(({ value }) => value)
}
