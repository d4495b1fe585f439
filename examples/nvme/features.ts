// Features (NVM Express Base 1.4, 5.21): dwords that a host sets and reads back.
import type { CommandHandler } from './enabled-controller.js'
import { type Outcome, status } from './entries.js'
import { limits } from './limits.js'

const numberOfQueues = 0x07
const volatileWriteCache = 0x06

/** What each reads after a reset. Both counts of Number of Queues are 0-based. */
const defaults: ReadonlyMap<number, number> = new Map([
  [0x01, 0], // Arbitration
  [0x02, 0], // Power Management
  [0x04, 0x015f], // Temperature Threshold: 351 K
  [0x05, 0], // Error Recovery
  [volatileWriteCache, 1],
  [numberOfQueues, (limits.ioQueues - 1) * 0x1_0001],
  [0x08, 0], // Interrupt Coalescing
  [0x09, 0], // Interrupt Vector Configuration
  [0x0a, 0], // Write Atomicity
  [0x0b, 0], // Asynchronous Event Configuration
])

/** What Get Features asks for (5.15.1). */
const select = { current: 0, default: 1, saved: 2, capabilities: 3 } as const
const changeable = 1 << 2

export class Features {
  readonly #values = new Map(defaults)

  get(id: number, which: number): Outcome {
    const standard = defaults.get(id)
    if (standard === undefined) return { status: status.invalidField }
    if (which === select.capabilities) return { status: status.success, result: changeable }
    const isCurrent = which === select.current
    return { status: status.success, result: isCurrent ? (this.#values.get(id) ?? standard) : standard }
  }

  set(id: number, value: number): Outcome {
    const standard = defaults.get(id)
    if (standard === undefined) return { status: status.invalidField }
    if (id !== numberOfQueues) {
      this.#values.set(id, value)
      return { status: status.success }
    }
    const submission = value & 0xffff
    const completion = value >>> 16
    // 65,536 queues of a kind cannot be asked for (5.21.1.7).
    if (submission === 0xffff || completion === 0xffff) return { status: status.invalidField }
    const most = limits.ioQueues - 1
    this.#values.set(id, ((Math.min(completion, most) << 16) | Math.min(submission, most)) >>> 0)
    return this.get(id, select.current)
  }

  /** Whether what is written may wait for a Flush (5.21.1.6). */
  get hasWriteCache(): boolean {
    return ((this.#values.get(volatileWriteCache) ?? 1) & 1) === 1
  }

  /** How many queues of each kind the host may create. */
  get queues(): { readonly submission: number; readonly completion: number } {
    const value = this.#values.get(numberOfQueues) ?? 0
    return { submission: (value & 0xffff) + 1, completion: (value >>> 16) + 1 }
  }
}

export const getFeatures: CommandHandler = ({ features }, { dword10 }) =>
  features.get(dword10 & 0xff, (dword10 >>> 8) & 0x7)

export const setFeatures: CommandHandler = ({ features, submissions, completions }, { dword10, dword11 }) => {
  const id = dword10 & 0xff
  // Nothing is saved over a reset.
  if (dword10 >>> 31 === 1) return { status: status.featureNotSaveable }
  const hasIoQueues = submissions.size > 1 || completions.size > 1
  if (id === numberOfQueues && hasIoQueues) return { status: status.commandSequence }
  return features.set(id, dword11)
}
