import { number, spread, table, times } from '../cells.js'
import type { DeviceSummary, ManyStepSummary, OpenCloseSummary, ReadsSummary } from './device-summary.js'

export function deviceTables(devices: readonly DeviceSummary[]): string {
  const reads = devices.flatMap(({ device, reads }) => reads.map((each): [string, ReadsSummary] => [device, each]))
  const opened = devices.map(({ device, openClose }): [string, OpenCloseSummary] => [device, openClose])
  return [
    'Reading a dword of config space, microseconds by batches, median / 90th percentile:',
    table(reads, [
      ['DEVICE', ([device]) => device],
      ['READ BY', ([, { way }]) => way],
      ['US', ([, { us }]) => spread(us)],
      ['TO PREAD', ([, { toPread }]) => times(toPread)],
    ]),
    '\nOpening and closing, milliseconds, median / 90th percentile:',
    table(opened, [
      ['DEVICE', ([device]) => device],
      ['OPEN', ([, { bare }]) => spread(bare.open)],
      ['CLOSE', ([, { bare }]) => spread(bare.close)],
      ['ASSIGNED OPEN', ([, { assigned }]) => spread(assigned.open)],
      ['ASSIGNED CLOSE', ([, { assigned }]) => spread(assigned.close)],
      ['TO BARE', ([, { toBare }]) => times(toBare)],
    ]),
  ].join('\n')
}

export function manyTable(steps: readonly ManyStepSummary[], count: number, heapKib: number, leftKib: number): string {
  return [
    `${count} simulated devices in one process: milliseconds for each, all at once and one after the other.`,
    `Heap: ${number(heapKib)} KiB each while they are open, ${leftKib.toFixed(0)} KiB in all once they are closed.`,
    table(steps, [
      ['STEP', ({ step }) => step],
      ['TOGETHER', ({ together }) => spread(together)],
      ['ONE BY ONE', ({ oneByOne }) => spread(oneByOne)],
      ['TO ONE BY ONE', ({ toOneByOne }) => times(toOneByOne)],
    ]),
  ].join('\n')
}
