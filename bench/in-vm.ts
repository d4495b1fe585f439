// Boots the VM once and has everything measured in it that needs the kernel's VFIO.
import { prepareVm } from '../test/vm/prepare.js'
import { runInVm } from '../test/vm/run-in-vm.js'
import type { GuestResult } from './guest/measure.js'
import type { Listing } from './listing.js'
import type { DeviceSamples } from './reset-samples.js'

export interface VmMeasurements {
  readonly available: true
  readonly resets: readonly DeviceSamples[]
  readonly listing: Listing | undefined
}

export interface VmMissing {
  readonly available: false
  readonly reason: string
}

/** The raw samples, or why there are none. */
export async function measureInVm(resetRounds: number, listRounds: number): Promise<VmMeasurements | VmMissing> {
  const parts = await prepareVm()
  if (!parts.available) return parts
  const run = await runInVm({
    // The VM runs programs of its tests; this one lies beside what it shares with the host's part.
    program: '../../../bench/guest/measure',
    args: [String(resetRounds), String(listRounds)],
    timeoutMs: 600_000,
  })
  if (run.exitCode !== 0) {
    const last = run.serial.trimEnd().split('\n').slice(-15).join('\n')
    return { available: false, reason: `the measuring program in the VM ended badly (${run.ending}):\n${last}` }
  }
  const results = run.results as GuestResult[]
  return {
    available: true,
    resets: results.flatMap((result) => ('resets' in result ? [result.resets] : [])),
    listing: results.flatMap((result) => ('listing' in result ? [result.listing] : []))[0],
  }
}
