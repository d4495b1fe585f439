import assert from 'node:assert/strict'
import type { CommandOutcome, CommandStep, RunStep } from './guest/commands.js'
import { type RunOptions, runInVm, type VmRun } from './run-in-vm.js'
import type { Topology } from './topology.js'

/** Steps for a guest, and what their commands said, by name. */
export async function runCommands(
  topology: Topology,
  steps: readonly CommandStep[],
  options: Pick<RunOptions, 'kernel'> = {},
): Promise<{ readonly said: ReadonlyMap<string, CommandOutcome>; readonly run: VmRun }> {
  const run = await runInVm({
    program: 'commands',
    args: [JSON.stringify(steps)],
    topology,
    timeoutMs: 400_000,
    ...options,
  })
  assert.equal(run.exitCode, 0, run.serial)
  const outcomes = run.results as CommandOutcome[]
  return { said: new Map(outcomes.map((outcome) => [outcome.name, outcome])), run }
}

/** A step that runs `quiesce` with these arguments. */
export const quiesce = (name: string, ...args: string[]): RunStep => ({
  do: 'run',
  name,
  line: ['quiesce', ...args],
})

export const bindToVfio = (...addresses: string[]): CommandStep[] =>
  addresses.map((address) => ({ do: 'bind', driver: 'vfio-pci', address }))

/** The address of a device of the topology. */
export function addressIn(topology: Topology, name: string): string {
  const placed = topology.devices.find((device) => device.name === name)
  assert.ok(placed, `the topology has no ${name}`)
  return placed.address
}
