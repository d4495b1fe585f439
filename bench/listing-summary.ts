import type { Listing, ListingCommand } from './listing.js'
import { ratio, type Summary, summarize } from './samples.js'

export interface ListingRow {
  readonly command: string
  readonly ms: Summary | undefined
  readonly toLspci: number | undefined
  /** Above the start of Node itself, which no Node program can go below. */
  readonly aboveNodeMs: number | undefined
}

export interface ListingSummary {
  readonly functions: number
  readonly commands: readonly ListingRow[]
}

/** Every command's median, and what it is of lspci's. */
export function summarizeListing({ functions, samples }: Listing): ListingSummary {
  const lspci = summarize(samples.lspci)
  const floor = summarize(samples['node -e 0'])
  const commands = (Object.keys(samples) as ListingCommand[]).map((command): ListingRow => {
    const ms = summarize(samples[command])
    const isOurs = command.startsWith('quiesce')
    return {
      command,
      ms,
      toLspci: ratio(ms, lspci),
      aboveNodeMs: isOurs && ms !== undefined && floor !== undefined ? ms.median - floor.median : undefined,
    }
  })
  return { functions, commands }
}
