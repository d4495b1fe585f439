import { readPower, setPowerState } from '../power.js'
import type { Method, MethodContext, MethodOutcome } from './method.js'

/**
 * D0 -> D3hot -> D0, which resets a function whose NoSoftRst is 0 (PCI PM 1.2, 3.2.4 and 5.4.1). Takes 20 ms, and is never
 * left half-way: neither the deadline nor an abort ends it.
 */
export const pmMethod: Method = {
  name: 'pm',
  whyNot({ fn }) {
    const reading = readPower(fn)
    if (reading.kind === 'absent') return 'the device has no power management capability'
    if (reading.kind === 'unreadable') return `PMCSR could not be read: ${reading.reason}`
    if (reading.power.noSoftReset) return 'D3hot -> D0 keeps the state of this device (NoSoftRst = 1)'
    if (reading.power.state !== 'D0') return `the device is in ${reading.power.state}, not in D0`
    return undefined
  },
  async run(context: MethodContext): Promise<MethodOutcome> {
    for (const target of ['D3hot', 'D0'] as const) {
      const reading = readPower(context.fn)
      if (reading.kind !== 'present') return { result: 'failed', reason: `PMCSR could not be read before ${target}` }
      const moved = await setPowerState(context.fn, reading.power, target)
      context.evidence.record({
        step: 'method',
        method: 'pm',
        what: `enter ${target}`,
        register: 'PCI_PM_CTRL',
        ...moved,
      })
      if (!moved.ok) return { result: 'failed', reason: `${target} was not entered: ${moved.reason}` }
    }
    return { result: 'ok' }
  },
}
