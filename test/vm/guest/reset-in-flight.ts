// In the guest: resets an edu while its DMA is verified to be in flight, again and again, and reports whether the data
// landed afterwards. Arguments: device name, rounds, `quiesce` or `bare`.
import { setTimeout as wait } from 'node:timers/promises'
import { resetFunction } from '../../../src/reset/reset-function.js'
import { openVfioFunction } from '../../../src/vfio/open-vfio-function.js'
import { VfioOwnership } from '../../../src/vfio/vfio-ownership.js'
import type { DeviceName } from '../devices.js'
import { addressOf } from './addresses.js'
import { bindToVfio } from './binding.js'
import { Canary, EduDriver, transferMs } from './edu-driver.js'
import { mark } from './mark.js'
import { report } from './report.js'

export interface InFlightRound {
  readonly round: number
  /** Memory as the next user left it when the reset returned. */
  readonly intactAtReset: boolean
  /** Data of the transfer that was in flight when the reset began has arrived in memory. */
  readonly landed: boolean
  readonly commandAfter: number
  readonly verdict: string
  readonly timeToQuietUs: number | null
  /** Marks in the trace: the transfer starts, the reset has returned, the transfer would have ended. */
  readonly marks: readonly [number, number, number]
}

const [device, rounds, mode] = process.argv.slice(2)
const length = 256
const stale = 0xee
const canaryByte = 0x11

const address = addressOf(device as DeviceName)
bindToVfio(address)
using ownership = new VfioOwnership()
using fn = await openVfioFunction(address, ownership)
const edu = new EduDriver(fn)

let lastMark = 0

/** One reset in the middle of a transfer; undefined if the machine was so slow that the transfer was done before it. */
async function resetInFlight(round: number): Promise<InFlightRound | undefined> {
  const marks = [++lastMark, ++lastMark, ++lastMark] as const
  using canary = new Canary(fn, 0x10_0000n)
  edu.enable()
  // The previous user's data goes into the device's own buffer...
  canary.fill(stale)
  edu.load(canary.iova, length)
  while (edu.isTransferring) await wait(5)
  // ...and is on its way into memory when the memory becomes somebody else's.
  canary.fill(canaryByte)
  mark(marks[0])
  edu.store(canary.iova, length)
  let inFlight = false
  const outcome = await resetFunction(
    fn,
    mode === 'bare'
      ? { unsafeWithoutQuiesce: true }
      : {
          // Between Bus Master and Memory Space being cleared. The engine still runs then, and what it has not
          // transferred by now it cannot transfer any more.
          withdrawBars: () => {
            inFlight = edu.isTransferring
          },
        },
  )
  // Without the quiesce, the engine must have got through the reset: while the kernel had it off the bus, a transfer that
  // came to its end was lost.
  if (mode === 'bare') inFlight = edu.isTransferring
  const intactAtReset = canary.isIntact(canaryByte)
  mark(marks[1])
  // The engine has no reset handler: were Bus Master to come back within the transfer's time, the data would land.
  await wait(3 * transferMs)
  mark(marks[2])
  if (!inFlight) return undefined
  if (round === 1) report({ report: outcome })
  return {
    round,
    intactAtReset,
    landed: !canary.isIntact(canaryByte),
    commandAfter: fn.config.read(4, 2),
    verdict: outcome.verdict,
    timeToQuietUs: outcome.timeToQuietUs,
    marks,
  }
}

// What runs for the first time is slow on a software CPU: warm up, so that the first transfer is not over too soon.
await resetInFlight(0)
for (let round = 1, tries = 0; round <= Number(rounds) && tries < 3 * Number(rounds); tries++) {
  const entry = await resetInFlight(round)
  if (entry === undefined) continue
  report(entry)
  round++
}
