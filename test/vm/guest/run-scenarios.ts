import { VfioOwnership, type VfioOwnershipOptions } from '../../../src/vfio/vfio-ownership.js'
import { report } from './report.js'

/** Something that is tried, with an owner of its own; what it returns, or throws, is one result of the run. */
export type Scenario = (ownership: VfioOwnership) => Promise<unknown>

/** One after the other, whatever becomes of each. */
export async function runScenarios(
  scenarios: Readonly<Record<string, Scenario>>,
  options: VfioOwnershipOptions = {},
): Promise<void> {
  for (const [scenario, run] of Object.entries(scenarios)) {
    using ownership = new VfioOwnership(options)
    try {
      report({ scenario, result: await run(ownership) })
    } catch (error) {
      report({ scenario, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  }
}
