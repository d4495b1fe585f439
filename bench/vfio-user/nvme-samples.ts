// What is asked of the NVMe disk, and what its client reports.

export interface NvmeLoad {
  readonly bytes: number
  /** Commands at once. */
  readonly depth: number
  readonly write: boolean
  /** Times in one turn. */
  readonly bursts: number
}

export const nvmeLoads: Readonly<Record<string, NvmeLoad>> = {
  '4 KiB read, 1 at once': { bytes: 4096, depth: 1, write: false, bursts: 50 },
  '4 KiB write, 1 at once': { bytes: 4096, depth: 1, write: true, bursts: 50 },
  '4 KiB read, 32 at once': { bytes: 4096, depth: 32, write: false, bursts: 10 },
  '128 KiB read, 16 at once': { bytes: 131_072, depth: 16, write: false, bursts: 5 },
  '128 KiB write, 16 at once': { bytes: 131_072, depth: 16, write: true, bursts: 5 },
}

/** Microseconds of each burst: through the disk, and of the file alone. */
export interface NvmeSamples {
  readonly disk: Record<string, readonly number[]>
  readonly file: Record<string, readonly number[]>
}
