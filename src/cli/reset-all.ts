// Opens the devices, resets them together, and lets go of them again.
import type { ResetPolicy } from '../reset/policy.js'
import type { ResetResult } from '../reset/reset-together.js'
import type { Backend } from './common-options.js'
import { onEndSignals } from './end-signals.js'
import { openTargets } from './open-targets.js'
import { showProgress } from './progress.js'
import type { Target } from './reset-targets.js'
import type { Terminal } from './terminal.js'

/**
 * Hands the results to `deliver`, in the order of the targets, before it lets go of the devices: that may take as long
 * as a reset which is stuck in the kernel.
 */
export async function resetAll(
  targets: readonly Target[],
  { policy, backend }: { readonly policy: Partial<ResetPolicy>; readonly backend: Backend | undefined },
  terminal: Terminal,
  deliver: (results: readonly ResetResult[]) => void,
): Promise<void> {
  const { resetTogether } = await import('../reset/reset-together.js')
  using interruption = abortOnSignals(terminal)
  let doing = `opening ${targets.map((target) => target.name).join(', ')}`
  using _progress = showProgress(terminal, () => doing)
  await using opened = await openTargets(targets, backend)

  const results = await resetTogether(opened.functions, {
    policy,
    signal: interruption.signal,
    onStep: (fn, step) => {
      doing = `resetting ${fn.address}: ${step.what}`
    },
  })
  deliver(results)
  doing = `closing ${targets.map((target) => target.name).join(', ')}; the kernel resets a device once more when it is closed`
}

/** The first interrupt ends the ladder early and still leaves the devices quiet; the second ends the program. */
function abortOnSignals(terminal: Terminal): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const watch = onEndSignals((name, count) => {
    if (count > 1) process.exit(1)
    terminal.note(`${name}: leaving the devices quiet, then ending; once more to end at once`)
    controller.abort(new Error(`interrupted by ${name}`))
  })
  return { signal: controller.signal, [Symbol.dispose]: () => watch[Symbol.dispose]() }
}
