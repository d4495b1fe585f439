import { type Answer, done, refusalOf, refuse } from './answer.js'
import type { Session } from './session.js'

/** DEVICE_RESET. A reset that does not end in what the device's policy asks for is refused with its errno. */
export async function resetDevice(_: object, session: Session): Promise<Answer<'DEVICE_RESET'>> {
  const { device, migration, report } = session
  if (!device.canReset) return refuse('EINVAL', 'the device cannot be reset')
  try {
    const outcome = await device.reset()
    const reason = outcome.ok ? undefined : outcome.message
    report({ kind: 'reset', cause: 'client', ok: outcome.ok, reason })
    if (!outcome.ok) return refuse(outcome.errno, outcome.message)
    migration?.reset()
    return done
  } catch (error) {
    const refusal = refusalOf(error)
    report({ kind: 'reset', cause: 'client', ok: false, reason: refusal.reason })
    return refusal
  }
}
