import { type DeviceEvents, reasonOf } from '../device-event.js'

/** Does what kernel or VMM may refuse; whether they did not. A refusal is an event: no guest is told of it. */
export function reportingFailure(events: DeviceEvents, work: () => void): boolean {
  try {
    work()
    return true
  } catch (error) {
    events.report({ kind: 'interrupts-failed', reason: reasonOf(error) })
    return false
  }
}
