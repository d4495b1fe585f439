// Opens the devices, resets them together, and lets go of them again.
import type { PhysicalFunction } from '../function/physical-function.js'
import type { ResetPolicy } from '../reset/policy.js'
import type { ResetReport } from '../reset/report.js'
import { hotResetClusters } from './hot-reset-clusters.js'
import { openTargets } from './open-targets.js'
import { showProgress } from './progress.js'
import type { Target } from './reset-targets.js'
import type { Terminal } from './terminal.js'

/**
 * Hands the reports to `deliver`, in the order of the targets, before it lets go of the devices: that may take as long
 * as a reset which is stuck in the kernel.
 */
export async function resetAll(
  targets: readonly Target[],
  policy: Partial<ResetPolicy>,
  terminal: Terminal,
  deliver: (reports: readonly ResetReport[]) => void,
): Promise<void> {
  const { resetFunction } = await import('../reset/reset-function.js')
  using interruption = abortOnSignals(terminal)
  let doing = `opening ${targets.map((target) => target.name).join(', ')}`
  using _progress = showProgress(terminal, () => doing)
  await using opened = await openTargets(targets)

  const reports = new Map<PhysicalFunction, ResetReport>()
  // Devices that one bus reset would reach wait for each other; all others run at the same time.
  const clusters = hotResetClusters(opened.functions)
  await Promise.all(
    clusters.map(async (cluster) => {
      for (const fn of cluster) {
        const report = await resetFunction(fn, {
          policy,
          companions: cluster.filter((other) => other !== fn),
          signal: interruption.signal,
          onStep: (step) => {
            doing = `resetting ${fn.address}: ${step.what}`
          },
        })
        reports.set(fn, report)
      }
    }),
  )
  deliver(opened.functions.flatMap((fn) => reports.get(fn) ?? []))
  doing = `closing ${targets.map((target) => target.name).join(', ')}; the kernel resets a device once more when it is closed`
}

/** The first interrupt ends the ladder early and still leaves the devices quiet; the second ends the program. */
function abortOnSignals(terminal: Terminal): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(1)
    terminal.note(`${name}: leaving the devices quiet, then ending; once more to end at once`)
    controller.abort(new Error(`interrupted by ${name}`))
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal),
  }
}
