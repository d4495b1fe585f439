// In the guest: runs scenarios one after the other, each of which becomes one result of the run.
import { inspect } from 'node:util'
import { mark } from '../mark.js'
import { report } from '../report.js'

export interface ScenarioResult {
  readonly scenario: string
  readonly result?: unknown
  readonly error?: string
}

/** Runs them all, or those whose name has the program's second argument in it. */
export async function runScenarios(scenarios: Readonly<Record<string, () => Promise<unknown>>>): Promise<void> {
  const wanted = process.argv[3] ?? ''
  for (const [scenario, run] of Object.entries(scenarios)) {
    if (!scenario.includes(wanted)) continue
    const entry = await run().then(
      (result): ScenarioResult => ({ scenario, result }),
      (error): ScenarioResult => ({ scenario, error: inspect(error) }),
    )
    report(entry)
  }
}

let lastMark = 0

/** Sets the next mark in the trace and returns its number. */
export function nextMark(): number {
  mark(++lastMark)
  return lastMark
}
