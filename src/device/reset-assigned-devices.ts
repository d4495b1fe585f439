// Resets a whole machine: every device of it at the same time, but for those that one bus reset would reach.
import type { PhysicalFunction } from '../function/physical-function.js'
import { hotResetClusters } from '../reset/hot-reset-clusters.js'
import type { ResetReport } from '../reset/report.js'
import type { AssignedDevice } from './assigned-device.js'
import { DeviceResets } from './device-resets.js'

/** How the reset of one device ended: in a report, or in an exception, which no hardware causes. */
export type DeviceResetResult =
  | { readonly device: AssignedDevice; readonly report: ResetReport }
  | { readonly device: AssignedDevice; readonly error: unknown }

/**
 * Resets the devices with their machine: to be awaited before the guest runs again. No guest reaches any of them from
 * here on. Those that one hot reset would take along are each other's companions and take turns; who was reset before
 * such a reset took it along is looked at again. One result for each, in their order; never rejects.
 */
export async function resetAssignedDevices(devices: readonly AssignedDevice[]): Promise<DeviceResetResult[]> {
  const known = new Map<PhysicalFunction, DeviceResets>()
  for (const device of devices) {
    const resets = DeviceResets.of(device)
    if (resets !== undefined) known.set(resets.fn, resets)
  }
  const reports = new Map<DeviceResets, ResetReport>()
  // One that is done is not for the guest as long as a reset of another may take it along.
  for (const resets of known.values()) resets.hold()
  const clusters = hotResetClusters([...known.keys()]).map((cluster) => cluster.flatMap((fn) => known.get(fn) ?? []))
  const ended = devices.map(async (device): Promise<DeviceResetResult> => {
    const resets = DeviceResets.of(device)
    try {
      // A closed one is not known any more, and says so.
      if (resets === undefined) return { device, report: await device.reset() }
      const members = clusters.find((cluster) => cluster.includes(resets)) ?? []
      return { device, report: await resets.enqueue('owner', { members, reports }) }
    } catch (error) {
      return { device, error }
    }
  })
  const results = await Promise.all(ended)
  await Promise.all(devices.map((device) => device.settled()))
  for (const resets of known.values()) resets.release()
  return results.map((result) => {
    const resets = DeviceResets.of(result.device)
    const last = resets === undefined ? undefined : reports.get(resets)
    return 'report' in result && last !== undefined ? { device: result.device, report: last } : result
  })
}
