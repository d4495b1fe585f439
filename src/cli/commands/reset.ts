import { QuiesceError } from '../../errors/quiesce-error.js'
import { type ResetPolicy, resetMethods, resetOrders } from '../../reset/policy.js'
import type { ResetReport } from '../../reset/report.js'
import { defineCommand, flag, value } from '../command.js'
import { jsonOption, sysrootOption } from '../common-options.js'
import { type ExitStatus, exitStatus, statusOfError, worstStatus } from '../exit-status.js'
import { hostRoots } from '../host-roots.js'
import { toJson } from '../json-output.js'
import { duration, listOf, oneOf } from '../option-values.js'
import { assertReady, readTargets } from '../reset-targets.js'
import type { Terminal } from '../terminal.js'

function printObjects(terminal: Terminal, objects: readonly unknown[]): void {
  terminal.print(toJson(objects.length === 1 ? objects[0] : objects))
}

export function reportToJson(report: ResetReport): Record<string, unknown> {
  return { schema: 'quiesce.reset/1', ...report }
}

export const resetCommand = defineCommand({
  name: 'reset',
  summary: 'stop a device, reset it as well as it can be reset, and say what state it is in',
  description: `Stops the DMA of a device, resets it as well as it can be reset, checks by reading back, and says with evidence what
state the device is in. The device must be bound to vfio-pci and used by nobody. Of several devices, all are checked
before the first is touched; the exit status is that of the worst.`,
  arguments: { usage: '<device...>', description: 'addresses, vendor:device ids, or sim:<model>' },
  options: {
    methods: value(
      '--methods <list>',
      'which resets to try, in this order (vfio,hot,pm)',
      listOf('--methods', resetMethods),
    ),
    order: value(
      '--order <order>',
      'quiesce-first, or reset-first for devices that wedge when stopped under DMA',
      oneOf('--order', resetOrders),
    ),
    requireReset: flag(
      '--require-reset',
      'only a clean device may be used again; anything else is reported as not reusable',
    ),
    timeout: value('--timeout <time>', 'how long one method may take (30s, 2m; default 75s)', duration('--timeout')),
    dryRun: flag('--dry-run', 'say what would be done; open nothing, change nothing'),
    steps: flag('--steps', 'print every step with its time'),
    json: jsonOption,
    sysroot: sysrootOption,
  },
  examples: [
    { line: 'quiesce reset 0000:03:00.0', what: 'one device' },
    { line: 'quiesce reset 03:00.0 03:00.1 --json', what: 'two functions at once, for programs' },
    { line: 'quiesce reset 03:00.0 --dry-run', what: 'what would happen, and what else would be reset' },
    { line: 'quiesce reset 8086:10c9 --methods pm --timeout 5s', what: 'only D0-D3hot-D0' },
    { line: 'quiesce reset sim:edu --steps', what: 'a simulated device: no hardware, no root' },
  ],
  async run(terminal, args, options) {
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
    const [{ resetTargets }, { formatReport }] = await Promise.all([
      import('../reset-run.js'),
      import('../reset-output.js'),
    ])
    let status: ExitStatus = exitStatus.failed
    await resetTargets(targets, policy, terminal, (reports) => {
      if (options.json) printObjects(terminal, reports.map(reportToJson))
      else
        terminal.print(
          reports.map((report) => formatReport(report, terminal.paint, options.steps === true)).join('\n\n'),
        )
      status = worstStatus(reports.map((report) => report.verdict))
    })
    return status
  },
})
