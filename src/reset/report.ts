// The evidence of one reset: what was tried, what was read back, how long it took. Plain data, JSON as it stands.
import type { ResetMethod, ResetPolicy } from './policy.js'

export const verdicts = ['clean', 'quiesced', 'contained', 'lost'] as const
/**
 * `clean`: reset by a method, and verified. `quiesced`: verified off the bus, but not reset. `contained`: not shown to
 * be quiet; the IOMMU lets none of its DMA through. `lost`: neither; the memory it could reach must not be reused.
 */
export type Verdict = (typeof verdicts)[number]

/** How waiting for outstanding transactions ended. `not-observable`: the device has no register that shows them. */
export type PendingState = 'drained' | 'timeout' | 'not-observable'

export type AttemptResult = 'ok' | 'skipped' | 'unsupported' | 'failed' | 'unverified' | 'stuck'

export interface Attempt {
  readonly method: ResetMethod
  readonly result: AttemptResult
  /** Why it ended so, in one clause; absent when it simply worked. */
  readonly reason?: string
  readonly ms: number
}

export type StepName =
  | 'probe'
  | 'quiesce'
  | 'withdraw-bars'
  | 'read-back'
  | 'wake'
  | 'drain'
  | 'interrupts-off'
  | 'method'
  | 'ready'
  | 'verify'
  | 'park'
  | 'contain'

/** One thing that was done or seen. Register values are hex strings, as the specifications print them. */
export interface Step {
  /** Microseconds since the procedure began. */
  readonly at: number
  readonly step: StepName
  /** What was done, in one clause. */
  readonly what: string
  readonly ok: boolean
  readonly method?: ResetMethod
  readonly device?: string
  readonly register?: string
  readonly before?: string
  readonly after?: string
  readonly reason?: string
}

export type PowerStateName = 'D0' | 'D1' | 'D2' | 'D3hot' | 'unknown'

export interface Verification {
  /** Class and revision read, and as they did at first where they could be read then. */
  readonly reachable: boolean
  /** Bus Master, Memory Space and I/O Space read back as 0, and nothing is known to be pending. */
  readonly quiet: boolean
  readonly powerState: PowerStateName
  /** MSI and MSI-X are disabled. */
  readonly interruptsOff: boolean
}

export interface ResetReport {
  readonly device: string
  readonly verdict: Verdict
  /** Whether the policy lets the device be used again. */
  readonly reusable: boolean
  readonly policy: ResetPolicy
  /** The known device whose entry shaped the policy. */
  readonly knownDevice?: { readonly name: string; readonly reason: string; readonly source: string }
  /**
   * The Command register as it was found and as it was last read back; null where it could not be read. `verified`:
   * Bus Master, Memory Space and I/O Space were off in that last reading.
   */
  readonly command: { readonly before: string | null; readonly after: string | null; readonly verified: boolean }
  readonly pending: PendingState
  readonly attempts: readonly Attempt[]
  readonly verified: Verification
  readonly contained: boolean
  /** From the start until Bus Master was read back as 0 and what was pending had drained; null if never shown. */
  readonly timeToQuietUs: number | null
  readonly totalMs: number
  readonly steps: readonly Step[]
}
