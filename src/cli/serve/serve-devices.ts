// Offers devices until it is asked to end, and then leaves every one of them quiet.

import { onEndSignals } from '../end-signals.js'
import { SeveralErrors } from '../error-output.js'
import { type ExitStatus, exitStatus, worstOf } from '../exit-status.js'
import { showProgress } from '../progress.js'
import type { Terminal } from '../terminal.js'
import { watchActivity } from './activity.js'
import type { OfferedDevice } from './offered-device.js'
import { type StartThread, startTogether, threadsOf } from './start-thread.js'

export interface ServeDevicesOptions {
  readonly start: StartThread
  /** Users, by number, who may connect beside this one and root. */
  readonly allowUsers?: readonly number[]
  /** Whether somebody watches. */
  readonly isLive: boolean
  /** Every device can be had by clients now. */
  readonly onServing: () => void
}

/**
 * Settles when all have ended, with the status of the worst.
 * @throws QuiesceError or SeveralErrors if one cannot be opened; the others are closed again
 */
export async function serveDevices(
  devices: readonly OfferedDevice[],
  terminal: Terminal,
  { start, allowUsers = [], isLive, onServing }: ServeDevicesOptions,
): Promise<ExitStatus> {
  let askToEnd = (): void => {}
  let signalled: NodeJS.Signals | undefined
  const asked = new Promise<void>((resolve) => {
    askToEnd = resolve
  })
  using _signals = onEndSignals((signal, count) => {
    signalled = signal
    askToEnd()
    if (count > 1) abandon(devices, signal)
  })

  const opening = showProgress(terminal, () => `opening ${namesOf(devices)}`)
  const started = await Promise.allSettled(
    threadsOf(devices).map((together) => startTogether(together, start, allowUsers)),
  )
  opening[Symbol.dispose]()
  const failures = started.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
  if (failures.length > 0) {
    await Promise.allSettled(devices.map((device) => device.close()))
    throw failures.length === 1 ? failures[0] : new SeveralErrors(failures)
  }
  if (signalled === undefined) {
    onServing()
    const live = isLive && terminal.showLive !== undefined ? watchActivity(devices, terminal.showLive) : undefined
    // Whatever became of one, the others have clients.
    await Promise.race([asked, Promise.all(devices.map((device) => device.gone()))])
    live?.[Symbol.dispose]()
  }
  const serving = devices.filter((device) => !device.hasEnded)
  if (signalled !== undefined) for (const device of serving) device.tell({ kind: 'ending', signal: signalled })
  using _closing = showProgress(terminal, () => `quiescing ${namesOf(serving.filter((device) => !device.hasEnded))}`)
  await Promise.all(serving.map((device) => device.close()))
  return worstOf(devices.map((device) => device.exitStatus))
}

function namesOf(devices: readonly OfferedDevice[]): string {
  return devices.map(({ order }) => order.name).join(', ')
}

/** Whoever asks twice does not want to wait, but is told what that means. */
function abandon(devices: readonly OfferedDevice[], signal: string): never {
  for (const device of devices) if (!device.hasEnded) device.tell({ kind: 'abandoned', signal })
  for (const { place } of devices) place[Symbol.dispose]()
  process.exit(exitStatus.failed)
}
