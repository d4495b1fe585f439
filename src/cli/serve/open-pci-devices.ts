// Devices that the kernel's VFIO holds, of one thread: opened together and closed together, because what they share is let go
// of with the last of them.
import type { VfioFunction } from '../../vfio/vfio-function.js'
import { VfioOwnership } from '../../vfio/vfio-ownership.js'
import type { DeviceGroup } from '../../vfio-user/server/device-group.js'
import type { ThreadEventListener } from '../../vfio-user/server/device-thread.js'
import { PhysicalDevice } from '../../vfio-user/server/physical-device.js'
import type { OpenedDevices } from '../../vfio-user/server/reopened-devices.js'
import type { ServerEvent } from '../../vfio-user/server/server-event.js'
import type { DeviceOrder } from './make-device.js'
import { ReturnableDevice } from './returnable-device.js'

/** What opens them, as often as it is called, each time after they were closed. */
export function pciDevicesOpener(
  orders: readonly DeviceOrder[],
  group: DeviceGroup | undefined,
  onEvent: ThreadEventListener,
): () => Promise<OpenedDevices> {
  const [{ backend } = { backend: 'auto' as const }] = orders
  const ownership = new VfioOwnership({ backend })
  return async () => {
    const functions: VfioFunction[] = []
    const physical: PhysicalDevice[] = []
    const close = async (): Promise<void> => {
      for (const device of physical) device[Symbol.dispose]()
      // A client that keeps the file keeps the device open, too: it must reach nothing with it.
      const uncontained = functions.filter((fn) => !fn.contain().ok)
      await closeAll(functions)
      const [first] = uncontained
      if (first !== undefined) throw new Error(`${first.address} could not be cut off from memory before it was closed`)
    }
    try {
      for (const { name } of orders) functions.push(await ownership.open(name))
      const devices = functions.map((fn, index) => {
        const { policy: resetPolicy = {}, trapsBars = false } = orders[index] ?? {}
        const device = new PhysicalDevice(fn, {
          ...(group === undefined ? {} : { group }),
          resetPolicy,
          mapsRegions: !trapsBars,
          onEvent: (event: ServerEvent) => onEvent(event, index),
        })
        physical.push(device)
        return new ReturnableDevice(device, fn.interrupts, () => onEvent({ kind: 'release-requested' }, index))
      })
      return { devices, close }
    } catch (error) {
      await close().catch(() => {})
      throw error
    }
  }
}

/** All of them, whatever becomes of one. */
async function closeAll(functions: readonly VfioFunction[]): Promise<void> {
  const closed = await Promise.allSettled(functions.map((fn) => fn[Symbol.asyncDispose]()))
  const failure = closed.find((each) => each.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}
