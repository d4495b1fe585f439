import { QuiesceError } from '../../errors/quiesce-error.js'
import type { ResetResult } from '../../reset/reset-together.js'
import type { Backend } from '../common-options.js'
import { errorToJson, reportError } from '../error-output.js'
import { type ExitStatus, exitStatus, statusOfError, worstOf, worstStatus } from '../exit-status.js'
import { hostRoots } from '../host-roots.js'
import { toJson } from '../json-output.js'
import { type PolicyOptions, policyOf } from '../policy-options.js'
import { assertReady, readTargets } from '../reset-targets.js'
import type { Terminal } from '../terminal.js'

function printObjects(terminal: Terminal, objects: readonly unknown[]): void {
  terminal.print(toJson(objects.length === 1 ? objects[0] : objects))
}

function resultToJson(result: ResetResult): Record<string, unknown> {
  return 'report' in result
    ? { schema: 'quiesce.reset/1', ...result.report }
    : errorToJson(resetError(result.device, result.error))
}

/** The procedure throws for nothing that hardware does: what is no QuiesceError is a defect. */
function resetError(device: string, error: unknown): QuiesceError {
  if (error instanceof QuiesceError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new QuiesceError('SYSTEM', `Cannot finish the reset of ${device}: ${message}`, {
    device,
    hint: 'Treat it as lost; this is a defect of Quiesce, please report it with the output under QUIESCE_DEBUG=1',
    cause: error,
  })
}

/** Prints every report that there is, and then what failed; returns the status of both. */
export function deliverResults(
  results: readonly ResetResult[],
  terminal: Terminal,
  options: Pick<ResetOptions, 'json' | 'steps'>,
  formatReport: typeof import('../reset-output.js').formatReport,
): ExitStatus {
  const reports = results.flatMap((result) => ('report' in result ? result.report : []))
  if (options.json) printObjects(terminal, results.map(resultToJson))
  else if (reports.length > 0)
    terminal.print(reports.map((report) => formatReport(report, terminal.paint, options.steps === true)).join('\n\n'))
  const failures = results.flatMap((result) => ('error' in result ? resetError(result.device, result.error) : []))
  const statuses = failures.map((error) => reportError(error, terminal, false))
  return worstOf([worstStatus(reports.map(({ verdict }) => verdict)), ...statuses])
}

export interface ResetOptions extends PolicyOptions {
  readonly dryRun?: boolean
  readonly steps?: boolean
  readonly backend?: Backend
  readonly json?: boolean
  readonly sysroot?: string
}

export async function runReset(
  terminal: Terminal,
  args: readonly string[],
  options: ResetOptions,
): Promise<ExitStatus> {
  const roots = hostRoots(options.sysroot)
  const policy = policyOf(options)
  const targets = await readTargets(args, roots)

  if (options.dryRun) {
    const [{ makePlans, planToJson }, { formatPlan }] = await Promise.all([
      import('../reset-plan.js'),
      import('../reset-plan-output.js'),
    ])
    const plans = await makePlans(targets, policy, roots)
    if (options.json) printObjects(terminal, plans.map(planToJson))
    else terminal.print(plans.map((plan) => formatPlan(plan, terminal.paint)).join('\n\n'))
    const [blocker] = targets.flatMap((target) => (target.kind === 'pci' ? target.blockers : []))
    return blocker === undefined ? exitStatus.done : statusOfError[blocker.code]
  }

  await assertReady(targets, 'reset')
  if (!roots.isThisMachine && targets.some((target) => target.kind === 'pci')) {
    throw new QuiesceError('USAGE', 'Cannot reset below --sysroot: the devices there are not of this machine', {
      hint: 'Add --dry-run, or leave --sysroot out',
    })
  }
  const [{ resetAll }, { formatReport }] = await Promise.all([import('../reset-all.js'), import('../reset-output.js')])
  let status: ExitStatus | undefined
  try {
    await resetAll(targets, { policy, backend: options.backend }, terminal, (results) => {
      status = deliverResults(results, terminal, options, formatReport)
    })
    return status ?? exitStatus.failed
  } catch (error) {
    if (status === undefined) throw error
    // The answer is out, and is one JSON document: that closing failed goes to standard error alone.
    return worstOf([status, reportError(error, terminal, false)])
  }
}
