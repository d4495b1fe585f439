import { closeBlocking } from '../linux/blocking-ioctl.js'
import type { DeviceGate } from './device-gate.js'

/**
 * Closes a device off the event loop; it is refused every access from this call on. Settles once the kernel has let go
 * of it: a reset under way has a descriptor of its own, and the last close waits for a reset of the device's bus.
 */
export async function closeDevice(gate: DeviceGate): Promise<void> {
  await closeBlocking(gate.file)
  await gate.resetsEnded()
}
