// Runs the parts that are asked for, what the VM is needed for last.
import { type DeviceSummary, type ManyStepSummary, summarizeDevice, summarizeMany } from './device/device-summary.js'
import { measureSimulatedDevices } from './device/measure-simulated.js'
import { devicesInVm, type FromVm, memoryInVm, resetsInVm } from './in-vm.js'
import { measureListing } from './listing.js'
import { type ListingSummary, summarizeListing } from './listing-summary.js'
import { type MemorySummary, summarizeMemory } from './memory/memory-summary.js'
import type { BenchOptions } from './parts.js'
import { type ResetSummary, summarizeResets } from './reset-summary.js'
import { measureSimulated, type SimulatedResult } from './simulated.js'
import { measureVfioUser } from './vfio-user/measure.js'
import { summarizeVfioUser, type VfioUserSummary } from './vfio-user/vfio-user-summary.js'

/** What was not asked for is not there. */
export interface Measured {
  /** Why there is nothing from the VM, or not all, each in a line. */
  vmMissing?: readonly string[]
  resets?: readonly ResetSummary[]
  simulated?: readonly SimulatedResult[]
  listing?: { readonly guest: ListingSummary | undefined; readonly host: ListingSummary }
  device?: {
    readonly simulated: DeviceSummary
    readonly many: {
      readonly count: number
      readonly heapKib: number
      readonly leftKib: number
      readonly steps: readonly ManyStepSummary[]
    }
    readonly guest: readonly DeviceSummary[]
  }
  memory?: { readonly sets: readonly MemorySummary[]; readonly notes: readonly string[] }
  vfioUser?: VfioUserSummary
}

export const simulatedResets = 1000
/** A process takes a second or more on a software CPU. */
const guestListRounds = 5

export async function measureParts(options: BenchOptions, say: (text: string) => void): Promise<Measured> {
  const { parts, rounds, vm, gib } = options
  const measured: Measured = {}
  const missing: string[] = []
  const resultsOf = <T>(from: FromVm<T>): readonly T[] => {
    if (!from.available && !missing.includes(from.reason)) missing.push(from.reason)
    return from.available ? from.results : []
  }
  const leftOut = { available: false, reason: 'left out (--no-vm)' } as const

  if (parts.has('vfio-user')) {
    say('Speaking vfio-user...')
    measured.vfioUser = summarizeVfioUser(await measureVfioUser(rounds))
  }
  if (parts.has('device')) {
    say('Assigned devices, simulated...')
    const { model, reads, openClose, many } = await measureSimulatedDevices(rounds)
    const { devices: count, heapKib, leftKib } = many
    if (vm) say('Assigned devices in the VM...')
    const guest = resultsOf(vm ? await devicesInVm(rounds) : leftOut)
    measured.device = {
      simulated: summarizeDevice(model, 'sim', reads, openClose),
      many: { count, heapKib, leftKib, steps: summarizeMany(many) },
      guest: guest.map((each) => summarizeDevice(each.device, each.backend, each.reads, each.openClose)),
    }
  }
  if (parts.has('listing')) say('Listing devices on this machine...')
  const host = parts.has('listing') ? summarizeListing(measureListing(rounds)) : undefined
  if (parts.has('reset')) {
    say('Resetting simulated devices...')
    measured.simulated = await measureSimulated(simulatedResets)
  }
  if (parts.has('reset') || parts.has('listing')) {
    if (vm) say('Resets and listing in the VM; this takes some minutes...')
    const listRounds = host === undefined ? 0 : Math.min(rounds, guestListRounds)
    const results = resultsOf(vm ? await resetsInVm(parts.has('reset') ? rounds : 0, listRounds) : leftOut)
    if (parts.has('reset')) {
      measured.resets = results.flatMap((each) => ('resets' in each ? [summarizeResets(each.resets)] : []))
    }
    const guest = results.flatMap((each) => ('listing' in each ? [summarizeListing(each.listing)] : []))[0]
    if (host !== undefined) measured.listing = { guest, host }
  }
  if (parts.has('memory')) {
    if (vm) say('Mapping guest memory in the VM; this takes some minutes...')
    const { type1, iommufd, notes } = vm
      ? await memoryInVm(rounds, gib)
      : { type1: leftOut, iommufd: leftOut, notes: [] }
    measured.memory = { sets: [type1, iommufd].flatMap((from) => resultsOf(from).map(summarizeMemory)), notes }
  }
  if (missing.length > 0) measured.vmMissing = missing
  return measured
}
