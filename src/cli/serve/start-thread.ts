// The threads of the devices: one for each, or for those that share what one thread alone can have.
import { DeviceThread } from '../../vfio-user/server/device-thread.js'
import type { ServerEvent } from '../../vfio-user/server/server-event.js'
import type { DeviceOrder } from './make-device.js'
import type { OfferedDevice, ServingThread } from './offered-device.js'

/** What a thread is made from. */
export interface ThreadOrder {
  readonly devices: readonly DeviceOrder[]
  /** A descriptor of the socket of each. */
  readonly listeners: readonly number[]
  /** Users, by number, who may connect beside this one and root. */
  readonly allowUsers: readonly number[]
  onEvent(event: ServerEvent, device: number): void
}

export type StartThread = (order: ThreadOrder) => Promise<ServingThread>

export const startThread: StartThread = ({ devices, listeners, allowUsers, onEvent }) =>
  DeviceThread.start({
    module: new URL('./make-device.js', import.meta.url),
    maker: 'makeDevices',
    data: devices,
    at: listeners.map((listener) => ({ listener })),
    server: { allowUsers },
    onEvent: (event, device = 0) => onEvent(event, device),
  })

/** Devices that share a thread, in their order. */
export function threadsOf(devices: readonly OfferedDevice[]): readonly (readonly OfferedDevice[])[] {
  const threads = new Map<unknown, OfferedDevice[]>()
  for (const device of devices) {
    const { sharing } = device.order
    const key = sharing ?? device
    threads.set(key, [...(threads.get(key) ?? []), device])
  }
  return [...threads.values()]
}

/** Opens devices in one thread and lets clients in. @throws QuiesceError if one cannot be opened; none is then */
export async function startTogether(
  devices: readonly OfferedDevice[],
  start: StartThread,
  allowUsers: readonly number[],
): Promise<void> {
  const thread = await start({
    devices: devices.map(({ order }) => order),
    listeners: devices.map(({ place }) => place.share()),
    allowUsers,
    onEvent: (event, index) => {
      devices[index]?.hear(event)
      if (event.kind !== 'release-requested' || devices.some(({ hasClient }) => hasClient)) return
      for (const device of devices) void device.giveBack()
    },
  })
  for (const [index, device] of devices.entries()) device.serveBy(thread, index)
}
