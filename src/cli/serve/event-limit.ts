// Keeps a client, or its guest, from filling the disk with lines: of what it can cause as fast as it likes, only so many
// are told in a while, and how many were not.
import type { ServeEvent } from './serve-event.js'

const limited = ['refused', 'access-failed', 'memory-out-of-reach', 'turned-away'] as const
type Limited = (typeof limited)[number]

const most = 10
const windowMs = 10_000

interface Window {
  readonly end: number
  told: number
  suppressed: number
}

export class EventLimit {
  readonly #now: () => number
  readonly #windows = new Map<Limited, Window>()

  /** `now`: milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** What is to be told now that `event` came: itself, and before it, what was left out until now. */
  pass(event: ServeEvent): readonly ServeEvent[] {
    if (event.kind === 'suppressed') return this.#addSuppressed(event)
    const kind = limited.find((each) => each === event.kind)
    // Before anything of importance, what came before it.
    if (kind === undefined) return [...this.flush(), event]
    const now = this.#now()
    const window = this.#windows.get(kind)
    if (window === undefined || now >= window.end) {
      this.#windows.set(kind, { end: now + windowMs, told: 1, suppressed: 0 })
      return [...suppressed(kind, window), event]
    }
    if (window.told < most) {
      window.told++
      return [event]
    }
    window.suppressed++
    return []
  }

  /** The server has left some out already. */
  #addSuppressed(event: Extract<ServeEvent, { kind: 'suppressed' }>): readonly ServeEvent[] {
    const window = [...this.#windows].find(([kind]) => kind === event.of)?.[1]
    if (window === undefined) return [event]
    window.suppressed += event.count
    return []
  }

  /** What was left out and not told of yet. */
  flush(): readonly ServeEvent[] {
    return [...this.#windows].flatMap(([kind, window]) => {
      const told = suppressed(kind, window)
      window.suppressed = 0
      return told
    })
  }
}

function suppressed(of: Limited, window: Window | undefined): readonly ServeEvent[] {
  const count = window?.suppressed ?? 0
  return count === 0 ? [] : [{ kind: 'suppressed', of, count }]
}
