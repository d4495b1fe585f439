// What a person watches: one line for each device.
import type { Verdict } from '../../reset/report.js'
import { processName } from './process-name.js'

export interface DeviceStatus {
  readonly device: string
  readonly client: number | undefined
  readonly resets: number
  readonly verdict: Verdict | undefined
  readonly failure: string | undefined
}

/** As the device's thread counts. */
export interface Activity {
  /** Undefined where it is not known yet. */
  readonly messagesPerSecond: number | undefined
  readonly counts: Readonly<Record<string, number>>
  /** Interrupts that the kernel has delivered. */
  readonly delivered: number
}

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

export function formatBytes(bytes: number): string {
  let unit = 0
  let amount = bytes
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024
    unit++
  }
  return `${Number.isInteger(amount) ? amount : amount.toFixed(1)} ${units[unit]}`
}

function describeInterrupts({ counts, delivered }: Omit<Activity, 'messagesPerSecond'>): string | undefined {
  const vectors = (['intx', 'msi', 'msix'] as const).flatMap((kind) => {
    const count = counts[kind] ?? 0
    return count === 0 ? [] : `${kind} ${count}`
  })
  if (vectors.length === 0) return undefined
  const signalled = counts['signalled']
  return `interrupts ${vectors.join(' ')}, ${signalled === undefined ? `${delivered} delivered` : `${signalled} sent`}`
}

export function statusLine(status: DeviceStatus, { messagesPerSecond, counts, delivered }: Activity): string {
  const { device, client, resets, verdict, failure } = status
  if (failure !== undefined) return `${device}  failed: ${failure}`
  const maps = counts['dmaMaps'] ?? 0
  const parts =
    client === undefined
      ? ['no client']
      : [
          `client ${client} ${processName(client) ?? ''}`.trimEnd(),
          messagesPerSecond === undefined ? undefined : `${Math.round(messagesPerSecond)} messages/s`,
          maps === 0 ? 'no DMA' : `DMA ${formatBytes(counts['dmaBytes'] ?? 0)} in ${maps} map${maps === 1 ? '' : 's'}`,
          describeInterrupts({ counts, delivered }),
        ]
  const reset = resets === 0 ? undefined : `resets ${resets}${verdict === undefined ? '' : `, last ${verdict}`}`
  return [device, ...parts, reset].filter((part) => part !== undefined).join('  ')
}
