// What an assigned device tells its owner beside return values. Events of one kind are limited in rate: a guest that
// polls a dead device must not fill the owner's log.
import type { Clock } from '../function/clock.js'
import type { ResetReport } from '../reset/report.js'

/** `companion`: a hot reset of another device took this one along. */
export type ResetCause = 'guest' | 'owner' | 'companion'

export type DeviceEvent =
  /** An access to config space failed: a read gave all ones, a write was dropped. */
  | { readonly kind: 'config-access-failed'; readonly offset: number; readonly width: number; readonly reason: string }
  /** An access to a BAR failed: a read gave all ones, a write was dropped. */
  | { readonly kind: 'region-access-failed'; readonly region: number; readonly offset: bigint; readonly reason: string }
  /** The VMM could not place a BAR where the guest put it. */
  | { readonly kind: 'bar-not-placed'; readonly bar: number; readonly address: bigint; readonly reason: string }
  /** The VMM could not take a BAR back: the guest may still reach it. */
  | { readonly kind: 'bar-not-withdrawn'; readonly bar: number; readonly address: bigint; readonly reason: string }
  /** The device did not go where the guest's write of PMCSR sent it. */
  | { readonly kind: 'power-state-refused'; readonly asked: number; readonly is: number | undefined }
  /** The kernel did not set up what the guest asked for. */
  | { readonly kind: 'interrupts-failed'; readonly reason: string }
  /** The device does not reach what the guest's memory is now; it is kept quiet from now on. */
  | { readonly kind: 'memory-not-mapped'; readonly reason: string }
  /** Other devices of the guest do not reach this one's BAR. */
  | { readonly kind: 'bar-not-shared'; readonly bar: number; readonly address: bigint; readonly reason: string }
  /** A reset has ended. */
  | { readonly kind: 'reset'; readonly cause: ResetCause; readonly report: ResetReport }
  /** The device is kept quiet from now on, whatever the guest writes, until a reset leaves it clean. */
  | { readonly kind: 'quarantined'; readonly reason: string }
  /** The device reported an uncorrectable error (the ERR interrupt). */
  | { readonly kind: 'device-error' }
  /** The kernel asks for the device back (the REQ interrupt). */
  | { readonly kind: 'release-requested' }

/** An event as the owner gets it. */
export type ReportedDeviceEvent = DeviceEvent & {
  /** How many of the same kind were left out before this one. */
  readonly suppressed: number
}

/** The kinds that a guest can cause at will. */
const limited: ReadonlySet<DeviceEvent['kind']> = new Set([
  'config-access-failed',
  'region-access-failed',
  'bar-not-placed',
  'bar-not-withdrawn',
  'bar-not-shared',
  'power-state-refused',
  'interrupts-failed',
])

/** So many at once, and then one in each interval. */
const burst = 5
const intervalUs = 1_000_000

interface Allowance {
  left: number
  since: number
  suppressed: number
}

/** Hands events on, as many as the rate allows. */
export class DeviceEvents {
  readonly #clock: Clock
  readonly #listener: ((event: ReportedDeviceEvent) => void) | undefined
  readonly #allowances = new Map<DeviceEvent['kind'], Allowance>()

  constructor(clock: Clock, listener: ((event: ReportedDeviceEvent) => void) | undefined) {
    this.#clock = clock
    this.#listener = listener
  }

  report(event: DeviceEvent): void {
    const suppressed = limited.has(event.kind) ? this.#take(event.kind) : 0
    if (suppressed === undefined) return
    try {
      this.#listener?.({ ...event, suppressed })
    } catch (error) {
      // The owner's own failure, but not one of the guest's access: it comes up with nobody else in between.
      queueMicrotask(() => {
        throw error
      })
    }
  }

  /** How many were left out before this one; undefined where this one is left out too. */
  #take(kind: DeviceEvent['kind']): number | undefined {
    const now = this.#clock.now()
    const known = this.#allowances.get(kind)
    const allowance = known ?? { left: burst, since: now, suppressed: 0 }
    if (known === undefined) this.#allowances.set(kind, allowance)
    const intervals = Math.floor((now - allowance.since) / intervalUs)
    allowance.since += intervals * intervalUs
    allowance.left = Math.min(burst, allowance.left + intervals)
    if (allowance.left === 0) {
      allowance.suppressed += 1
      return undefined
    }
    const { suppressed } = allowance
    allowance.left -= 1
    allowance.suppressed = 0
    return suppressed
  }
}

/** What a caught value says. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
