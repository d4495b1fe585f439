import { QuiesceError } from '../../errors/quiesce-error.js'
import type { ResetMethod, ResetOrder, ResetPolicy } from '../../reset/policy.js'
import type { ResetReport } from '../../reset/report.js'
import { type ExitStatus, exitStatus, statusOfError, worstStatus } from '../exit-status.js'
import { hostRoots } from '../host-roots.js'
import { toJson } from '../json-output.js'
import { assertReady, readTargets } from '../reset-targets.js'
import type { Terminal } from '../terminal.js'

function printObjects(terminal: Terminal, objects: readonly unknown[]): void {
  terminal.print(toJson(objects.length === 1 ? objects[0] : objects))
}

function reportToJson(report: ResetReport): Record<string, unknown> {
  return { schema: 'quiesce.reset/1', ...report }
}

export interface ResetOptions {
  readonly methods?: readonly ResetMethod[]
  readonly order?: ResetOrder
  readonly requireReset?: boolean
  readonly timeout?: number
  readonly dryRun?: boolean
  readonly steps?: boolean
  readonly json?: boolean
  readonly sysroot?: string
}

export async function runReset(
  terminal: Terminal,
  args: readonly string[],
  options: ResetOptions,
): Promise<ExitStatus> {
  const roots = hostRoots(options.sysroot)
  const policy: Partial<ResetPolicy> = {
    ...(options.methods === undefined ? {} : { methods: options.methods }),
    ...(options.order === undefined ? {} : { order: options.order }),
    ...(options.requireReset === undefined ? {} : { requireReset: options.requireReset }),
    ...(options.timeout === undefined ? {} : { methodTimeoutMs: options.timeout }),
  }
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

  await assertReady(targets)
  if (!roots.isThisMachine && targets.some((target) => target.kind === 'pci')) {
    throw new QuiesceError('USAGE', 'Cannot reset below --sysroot: the devices there are not of this machine', {
      hint: 'Add --dry-run, or leave --sysroot out',
    })
  }
  const [{ resetAll }, { formatReport }] = await Promise.all([import('../reset-all.js'), import('../reset-output.js')])
  let status: ExitStatus = exitStatus.failed
  await resetAll(targets, policy, terminal, (reports) => {
    if (options.json) printObjects(terminal, reports.map(reportToJson))
    else
      terminal.print(reports.map((report) => formatReport(report, terminal.paint, options.steps === true)).join('\n\n'))
    status = worstStatus(reports.map((report) => report.verdict))
  })
  return status
}
