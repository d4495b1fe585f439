import { number, table, tail, times } from '../cells.js'
import type { AgainstBare, VfioUserSummary } from './vfio-user-summary.js'

const mebibyte = 1 << 20

function compared(rows: readonly AgainstBare[], unit: string, scale: number): string {
  return table(rows, [
    ['MESSAGE', ({ name }) => name],
    ['US', ({ us }) => tail(us)],
    ['BARE', ({ bareUs }) => tail(bareUs)],
    ['TO BARE', ({ toBare }) => times(toBare)],
    [unit, ({ perSecond }) => number(perSecond && perSecond / scale)],
  ])
}

export function vfioUserTables({ small, large, dma, nvme, notes }: VfioUserSummary): string {
  const roundTrips = table(small, [
    ['ROUND TRIP', ({ name }) => name],
    ['US', ({ us }) => tail(us)],
    ['TO BLOCKING ECHO', ({ toBlockingEcho }) => times(toBlockingEcho)],
    ['TO EVENT-LOOP ECHO', ({ toEventLoopEcho }) => times(toEventLoopEcho)],
  ])
  return [
    ...notes,
    `Client and server on one processor. Microseconds, median / 99th percentile. Messages of 4 bytes:\n${roundTrips}`,
    `\nMessages of 1 MiB:\n${compared(large, 'MIB/S', mebibyte)}`,
    `\nA file of 2 MiB as memory, and taking it back:\n${compared(dma, 'EACH SECOND', 1)}`,
    `\nThe NVMe disk, beside its file alone:\n${compared(nvme, 'MIB/S', mebibyte)}`,
  ].join('\n')
}
