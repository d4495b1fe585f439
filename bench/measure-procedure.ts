import type { PhysicalFunction } from '../src/function/physical-function.js'
import type { ResetReport } from '../src/reset/report.js'
import { resetFunction } from '../src/reset/reset-function.js'
import type { AccessCount, ProcedureSample } from './reset-samples.js'
import { CountedConfig, WatchedFunction } from './watched-function.js'

const countedRounds = 5

/** The whole procedure, once. */
export async function measureProcedure(fn: WatchedFunction): Promise<ProcedureSample> {
  fn.inResetMs = 0
  const began = performance.now()
  const report = await resetFunction(fn)
  const ms = performance.now() - began
  return {
    verdict: report.verdict,
    ms,
    inResetMs: fn.inResetMs,
    timeToQuietUs: report.timeToQuietUs,
    steps: stepTimes(report, fn.inResetMs),
  }
}

/** A step is recorded at its end, so it took the time since the one before it. */
function stepTimes({ steps }: ResetReport, inResetMs: number): Record<string, number> {
  const times: Record<string, number> = {}
  let last = 0
  for (const { step, at } of steps) {
    times[step] = (times[step] ?? 0) + at - last
    last = at
  }
  // `ready` and `method` are recorded after the kernel's reset: whichever came first has its time.
  const after = times['ready'] === undefined ? 'method' : 'ready'
  times[after] = Math.max(0, (times[after] ?? 0) - inResetMs * 1000)
  return times
}

/** How often a procedure accesses config space: on a device that it has not seen before, and on one that it has. */
export async function countAccesses(
  fn: PhysicalFunction,
  prepare: () => void,
): Promise<{ first: AccessCount; later: readonly AccessCount[] }> {
  const config = new CountedConfig(fn.config)
  const counted = new WatchedFunction(fn, config)
  const once = async (): Promise<AccessCount> => {
    prepare()
    config.clear()
    await resetFunction(counted)
    const { reads, readMs, writes, writeMs } = config
    return { reads, readMs, writes, writeMs }
  }
  const first = await once()
  const later: AccessCount[] = []
  while (later.length < countedRounds) later.push(await once())
  return { first, later }
}
