import type { Clock } from '../function/clock.js'
import { machineClock as monotonic } from '../linux/machine-clock.js'

/** The machine's monotonic clock. */
export const machineClock: Clock = monotonic
