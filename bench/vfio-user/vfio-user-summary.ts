import { ratio, type Summary, summarize } from '../samples.js'
import type { VfioUserMeasurement } from './measure.js'
import { nvmeLoads } from './nvme-samples.js'
import { type RoundTrip, roundTrips } from './samples.js'

export interface RoundTripSummary {
  readonly name: RoundTrip
  readonly us: Summary | undefined
  readonly toBlockingEcho: number | undefined
  readonly toEventLoopEcho: number | undefined
}

/** Against the same without the protocol: the same bytes both ways, or the file without a disk. */
export interface AgainstBare {
  readonly name: string
  readonly us: Summary | undefined
  readonly bareUs: Summary | undefined
  readonly toBare: number | undefined
  /** By the median: bytes or operations each second. */
  readonly perSecond: number | undefined
}

export interface VfioUserSummary {
  readonly small: readonly RoundTripSummary[]
  readonly large: readonly AgainstBare[]
  readonly dma: readonly AgainstBare[]
  readonly nvme: readonly AgainstBare[]
  readonly notes: readonly string[]
}

const mebibyte = 1 << 20

/** `each`: how much one sample stands for. */
function against(name: string, samples: readonly number[], bare: readonly number[], each: number): AgainstBare {
  const [us, bareUs] = [summarize(samples), summarize(bare)]
  return { name, us, bareUs, toBare: ratio(us, bareUs), perSecond: us && (each / us.median) * 1e6 }
}

export function summarizeVfioUser({ samples, nvme, notes }: VfioUserMeasurement): VfioUserSummary {
  const { small, large, dma } = samples
  const echo = summarize(small['blocking echo'] ?? [])
  const loop = summarize(small['event-loop echo'] ?? [])
  return {
    small: (Object.keys(roundTrips) as RoundTrip[]).map((name) => {
      const us = summarize(small[name] ?? [])
      return { name, us, toBlockingEcho: ratio(us, echo), toEventLoopEcho: ratio(us, loop) }
    }),
    large: [
      against('REGION_READ', large.REGION_READ, large['bare read'], mebibyte),
      against('REGION_WRITE', large.REGION_WRITE, large['bare write'], mebibyte),
    ],
    dma: [
      against('DMA_MAP', dma.DMA_MAP, dma['bare, with a file'], 1),
      against('DMA_UNMAP', dma.DMA_UNMAP, dma.bare, 1),
    ],
    nvme: Object.entries(nvmeLoads).map(([name, { bytes, depth }]) =>
      against(name, nvme.disk[name] ?? [], nvme.file[name] ?? [], bytes * depth),
    ),
    notes,
  }
}
