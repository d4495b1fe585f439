// Resets open devices, all at the same time but for those that one bus reset would reach.
import type { PhysicalFunction } from '../function/physical-function.js'
import { hotResetClusters } from './hot-reset-clusters.js'
import { lookAgain } from './look-again.js'
import type { ResetPolicy } from './policy.js'
import type { ResetReport, Step } from './report.js'
import { resetFunction } from './reset-function.js'

export interface TogetherOptions {
  readonly policy?: Partial<ResetPolicy>
  readonly signal?: AbortSignal
  /** Called with every step as it is recorded. */
  readonly onStep?: (fn: PhysicalFunction, step: Step) => void
}

/** How the reset of one device ended: in a report, or in an exception, which no hardware causes. */
export type ResetResult =
  | { readonly device: string; readonly report: ResetReport }
  | { readonly device: string; readonly error: unknown }

/** One result for each function, in their order. Never throws: what fails for one must not cut short the others. */
export async function resetTogether(
  functions: readonly PhysicalFunction[],
  options: TogetherOptions = {},
): Promise<ResetResult[]> {
  const results = new Map<PhysicalFunction, ResetResult>()
  await Promise.all(hotResetClusters(functions).map((cluster) => resetCluster(cluster, options, results)))
  return functions.flatMap((fn) => results.get(fn) ?? [])
}

/** They take turns. Whoever was reset before a hot reset that took it along is looked at again after the last. */
async function resetCluster(
  cluster: readonly PhysicalFunction[],
  { policy, signal, onStep }: TogetherOptions,
  results: Map<PhysicalFunction, ResetResult>,
): Promise<void> {
  let lastHot: { readonly index: number; readonly by: ResetReport } | undefined
  for (const [index, fn] of cluster.entries()) {
    const result = await resultOf(fn, () =>
      resetFunction(fn, {
        companions: cluster.filter((other) => other !== fn),
        ...(policy === undefined ? {} : { policy }),
        ...(signal === undefined ? {} : { signal }),
        ...(onStep === undefined ? {} : { onStep: (step: Step) => onStep(fn, step) }),
      }),
    )
    results.set(fn, result)
    if ('report' in result && ranHotReset(result.report)) lastHot = { index, by: result.report }
  }
  if (lastHot === undefined) return
  for (const fn of cluster.slice(0, lastHot.index)) {
    const earlier = results.get(fn)
    if (earlier === undefined || !('report' in earlier)) continue
    const { by } = lastHot
    results.set(fn, await resultOf(fn, () => lookAgain(fn, earlier.report, by)))
  }
}

function ranHotReset({ attempts }: ResetReport): boolean {
  return attempts.some(({ method, result }) => method === 'hot' && result !== 'skipped')
}

async function resultOf(fn: PhysicalFunction, work: () => Promise<ResetReport>): Promise<ResetResult> {
  try {
    return { device: fn.address, report: await work() }
  } catch (error) {
    return { device: fn.address, error }
  }
}
