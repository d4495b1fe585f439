import { ratio, type Summary, summarize } from '../samples.js'
import { type ConfigReads, configReadWays } from './config-reads.js'
import { type ManyDeviceStep, type ManyDevices, manyDeviceSteps } from './many-device-samples.js'
import type { OpenClose, OpenCloseSamples } from './open-close.js'

/** Reads of config space of one function. */
export interface ReadsSummary {
  readonly way: string
  readonly us: Summary | undefined
  readonly toPread: number | undefined
}

export interface OpenCloseSummary {
  readonly bare: Readonly<Record<keyof OpenClose, Summary | undefined>>
  readonly assigned: Readonly<Record<keyof OpenClose, Summary | undefined>>
  /** Of opening and closing together. */
  readonly toBare: number | undefined
}

export interface DeviceSummary {
  readonly device: string
  readonly backend: string
  readonly reads: readonly ReadsSummary[]
  readonly openClose: OpenCloseSummary
}

export interface ManyStepSummary {
  readonly step: ManyDeviceStep
  readonly together: Summary | undefined
  readonly oneByOne: Summary | undefined
  readonly toOneByOne: number | undefined
}

export function summarizeDevice(
  device: string,
  backend: string,
  reads: ConfigReads,
  openClose: OpenCloseSamples,
): DeviceSummary {
  const pread = summarize(reads.pread)
  const spans = ({ open, close, both }: OpenClose) => ({
    open: summarize(open),
    close: summarize(close),
    both: summarize(both),
  })
  const [bare, assigned] = [spans(openClose.bare), spans(openClose.assigned)]
  return {
    device,
    backend,
    reads: configReadWays.map((way) => {
      const us = summarize(reads[way])
      return { way, us, toPread: ratio(us, pread) }
    }),
    openClose: { bare, assigned, toBare: ratio(assigned.both, bare.both) },
  }
}

export function summarizeMany({ together, oneByOne }: ManyDevices): ManyStepSummary[] {
  return manyDeviceSteps.map((step) => {
    const [all, each] = [summarize(together[step]), summarize(oneByOne[step])]
    return { step, together: all, oneByOne: each, toOneByOne: ratio(all, each) }
  })
}
