// What is made of repeated measurements. Medians, because a machine that is shared has outliers in one direction only.

export interface Summary {
  readonly count: number
  readonly median: number
  readonly p90: number
  readonly p99: number
}

/** Median, 90th and 99th percentile (nearest rank); `undefined` where nothing was measured. */
export function summarize(samples: readonly number[]): Summary | undefined {
  const sorted = [...samples].sort((a, b) => a - b)
  const [median, p90, p99] = [atRank(sorted, 0.5), atRank(sorted, 0.9), atRank(sorted, 0.99)]
  if (median === undefined || p90 === undefined || p99 === undefined) return undefined
  return { count: sorted.length, median, p90, p99 }
}

/** The median of one over that of the other; `undefined` where one of them is missing. */
export function ratio(of: Summary | undefined, to: Summary | undefined): number | undefined {
  return of === undefined || to === undefined || to.median === 0 ? undefined : of.median / to.median
}

function atRank(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}
