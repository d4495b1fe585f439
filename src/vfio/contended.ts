import { errnoName } from '../linux/errno.js'
import type { IoctlResult } from '../linux/ioctl.js'
import { machineClock } from './machine-clock.js'

/**
 * How long opening waits for another reset on the device's bus, which makes the kernel answer EAGAIN, and for the device
 * itself, where it was disposed in the middle of a reset.
 */
export const contendedOpenMs = 2000

/** Repeats a call that opens a device for as long as the kernel answers EAGAIN, though not for ever. */
export async function untilUncontended(call: () => Promise<IoctlResult>): Promise<IoctlResult> {
  const deadline = machineClock.now() + contendedOpenMs * 1000
  for (let waitMs = 5; ; waitMs *= 2) {
    const result = await call()
    if (result.ok || errnoName(result.errno) !== 'EAGAIN') return result
    if (machineClock.now() + waitMs * 1000 > deadline) return result
    await machineClock.sleep(waitMs)
  }
}
