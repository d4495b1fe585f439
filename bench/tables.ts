// The results, for people.
import { number, spread, table, times } from './cells.js'
import type { ListingRow, ListingSummary } from './listing-summary.js'
import type { BareSummary, ResetSummary } from './reset-summary.js'
import type { SimulatedResult } from './simulated.js'

const bare = ({ ms, refusals }: BareSummary): string => (ms === undefined ? refusals.join(', ') : spread(ms))

const counted = (verdicts: Readonly<Record<string, number>>): string =>
  Object.entries(verdicts)
    .map(([verdict, count]) => `${verdict} ${count}`)
    .join(', ')

/** Times of the three ways, their ratios, and where the procedure's own time goes. */
export function resetTables(resets: readonly ResetSummary[]): string {
  const ms = table(resets, [
    ['DEVICE', ({ device }) => device],
    ['RESET BY', ({ resetMethods }) => resetMethods[0] ?? 'none'],
    ['PROCEDURE', ({ procedureMs }) => spread(procedureMs)],
    ['TO QUIET', ({ timeToQuietMs }) => spread(timeToQuietMs)],
    ['BEYOND RESET', ({ beyondMs }) => spread(beyondMs)],
    ['IOCTL', ({ ioctl }) => bare(ioctl)],
    ['SYSFS', ({ sysfs }) => bare(sysfs)],
    ['VERDICTS', ({ verdicts }) => counted(verdicts)],
  ])
  const ratios = table(resets, [
    ['DEVICE', ({ device }) => device],
    ['PROCEDURE/IOCTL', ({ toIoctl }) => times(toIoctl.procedure)],
    ['BEYOND/IOCTL', ({ toIoctl }) => times(toIoctl.beyond)],
    ['TO QUIET/IOCTL', ({ toIoctl }) => times(toIoctl.timeToQuiet)],
    ['PROCEDURE/SYSFS', ({ toSysfs }) => times(toSysfs.procedure)],
    ['BEYOND/SYSFS', ({ toSysfs }) => times(toSysfs.beyond)],
    ['TO QUIET/SYSFS', ({ toSysfs }) => times(toSysfs.timeToQuiet)],
  ])
  const steps = [...new Set(resets.flatMap(({ stepsMs }) => Object.keys(stepsMs)))]
  const parts = table(resets, [
    ['DEVICE', ({ device }) => device],
    ...steps.map((step) => [step.toUpperCase(), ({ stepsMs }: ResetSummary) => number(stepsMs[step])] as const),
    ['CONFIG READS', ({ accesses }) => `${accesses.reads} (${accesses.firstReads} at first)`],
    ['MS EACH', ({ accesses }) => number(accesses.msPerRead)],
    ['WRITES', ({ accesses }) => String(accesses.writes)],
    ['MS EACH', ({ accesses }) => number(accesses.msPerWrite)],
  ])
  return [
    `Milliseconds, median / 90th percentile of ${resets[0]?.procedureMs?.count ?? 0} rounds:\n${ms}`,
    `Ratios of medians:\n${ratios}`,
    `Where the procedure's own time goes, median milliseconds by step:\n${parts}`,
  ].join('\n\n')
}

/** The commands side by side. */
export function listingTable({ functions, commands }: ListingSummary): string {
  const rows = table<ListingRow>(commands, [
    ['COMMAND', ({ command }) => command],
    ['MS, MEDIAN / P90', ({ ms }) => spread(ms)],
    ['ABOVE NODE', ({ aboveNodeMs }) => (aboveNodeMs === undefined ? '' : number(aboveNodeMs))],
    ['TO LSPCI', ({ toLspci }) => times(toLspci)],
  ])
  return `${functions === 0 ? 'lspci is not here.\n' : `${functions} PCI functions.\n`}${rows}`
}

/** Resets of simulated devices. */
export function simulatedTable(results: readonly SimulatedResult[]): string {
  return table(results, [
    ['MODEL', ({ model }) => model],
    ['VERDICT', ({ verdict }) => verdict],
    ['RESETS/S', ({ procedure }) => procedure.perSecond.toFixed(0)],
    ['BARE/S', ({ bare }) => bare?.perSecond.toFixed(0) ?? '-'],
    ['TO BARE', ({ procedure, bare }) => times(bare && bare.perSecond / procedure.perSecond)],
    ['VIRTUAL MS', ({ procedure }) => procedure.virtualMs.toFixed(3)],
    ['BARE VIRTUAL MS', ({ bare }) => bare?.virtualMs.toFixed(3) ?? '-'],
  ])
}
