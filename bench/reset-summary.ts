import type { AccessCount, BareSample, DeviceSamples } from './reset-samples.js'
import { ratio, type Summary, summarize } from './samples.js'

/** One way of resetting without the procedure: its time in milliseconds, or why it was refused. */
export interface BareSummary {
  readonly ms: Summary | undefined
  readonly refusals: readonly string[]
}

/** What is set against a bare reset; `undefined` where there was none. */
export interface Ratios {
  readonly procedure: number | undefined
  readonly beyond: number | undefined
  readonly timeToQuiet: number | undefined
}

/** Accesses to config space in one procedure, and the median time of one access. */
export interface AccessSummary {
  readonly firstReads: number
  readonly reads: number
  readonly writes: number
  readonly msPerRead: number | undefined
  readonly msPerWrite: number | undefined
}

export interface ResetSummary {
  readonly device: string
  readonly resetMethods: readonly string[]
  /** How often each verdict was reached. */
  readonly verdicts: Readonly<Record<string, number>>
  readonly procedureMs: Summary | undefined
  /** The procedure without the time inside the kernel's reset. */
  readonly beyondMs: Summary | undefined
  readonly timeToQuietMs: Summary | undefined
  readonly ioctl: BareSummary
  readonly sysfs: BareSummary
  readonly toIoctl: Ratios
  readonly toSysfs: Ratios
  /** Median milliseconds by step, without the kernel's reset. */
  readonly stepsMs: Readonly<Record<string, number>>
  readonly accesses: AccessSummary
}

/** Medians, 90th percentiles and ratios of medians. */
export function summarizeResets(samples: DeviceSamples): ResetSummary {
  const { device, resetMethods, rounds } = samples
  const procedures = rounds.map(({ procedure }) => procedure)
  const procedureMs = summarize(procedures.map(({ ms }) => ms))
  const beyondMs = summarize(procedures.map(({ ms, inResetMs }) => ms - inResetMs))
  const timeToQuietMs = summarize(
    procedures.flatMap(({ timeToQuietUs }) => (timeToQuietUs === null ? [] : [timeToQuietUs / 1000])),
  )
  const ioctl = summarizeBare(rounds.map((round) => round.ioctl))
  const sysfs = summarizeBare(rounds.map((round) => round.sysfs))
  const ratios = (to: BareSummary): Ratios => ({
    procedure: ratio(procedureMs, to.ms),
    beyond: ratio(beyondMs, to.ms),
    timeToQuiet: ratio(timeToQuietMs, to.ms),
  })
  return {
    device,
    resetMethods,
    verdicts: count(procedures.map(({ verdict }) => verdict)),
    procedureMs,
    beyondMs,
    timeToQuietMs,
    ioctl,
    sysfs,
    toIoctl: ratios(ioctl),
    toSysfs: ratios(sysfs),
    stepsMs: stepMedians(procedures.map(({ steps }) => steps)),
    accesses: summarizeAccesses(samples.firstAccesses, samples.laterAccesses),
  }
}

function summarizeAccesses(first: AccessCount, later: readonly AccessCount[]): AccessSummary {
  return {
    firstReads: first.reads,
    reads: later.at(-1)?.reads ?? 0,
    writes: later.at(-1)?.writes ?? 0,
    msPerRead: summarize(later.map(({ reads, readMs }) => readMs / reads))?.median,
    msPerWrite: summarize(later.map(({ writes, writeMs }) => writeMs / writes))?.median,
  }
}

function summarizeBare(samples: readonly BareSample[]): BareSummary {
  return {
    ms: summarize(samples.flatMap(({ ms }) => (ms === undefined ? [] : [ms]))),
    refusals: [...new Set(samples.flatMap(({ refusal }) => (refusal === undefined ? [] : [refusal])))],
  }
}

function count(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1
  return counts
}

function stepMedians(rounds: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const names = [...new Set(rounds.flatMap((steps) => Object.keys(steps)))]
  return Object.fromEntries(
    names.map((name) => [name, (summarize(rounds.map((steps) => steps[name] ?? 0))?.median ?? 0) / 1000]),
  )
}
