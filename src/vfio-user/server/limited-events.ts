// Events as the owner gets them. Those that a client can cause as fast as it likes are limited in rate: whatever the owner
// does with one, it does not do without end: a log does not fill the disk, and a thread that posts them to another does not
// fill its memory.
import type { LimitedEventKind, ServerEvent, ServerEventListener } from './server-event.js'

const limited: Readonly<Record<LimitedEventKind, true>> = {
  refused: true,
  'access-failed': true,
  'memory-out-of-reach': true,
  'turned-away': true,
}

/** So many of a kind in a window; how many more there were is told before the next event after it. */
const most = 10
const windowMs = 10_000

interface Window {
  end: number
  told: number
  suppressed: number
}

function isLimited(kind: ServerEvent['kind']): kind is LimitedEventKind {
  return Object.hasOwn(limited, kind)
}

/** `now`: milliseconds. */
export function limitEvents(
  listener: ServerEventListener | undefined,
  now: () => number = () => performance.now(),
): ServerEventListener {
  const windows = new Map<LimitedEventKind, Window>()
  const tell = (event: ServerEvent): void => {
    try {
      listener?.(event)
    } catch (error) {
      // The owner's own failure. It comes up with nobody else in between, and takes nothing from the client's requests.
      queueMicrotask(() => {
        throw error
      })
    }
  }
  const flush = (): void => {
    for (const [of, window] of windows) {
      if (window.suppressed > 0) tell({ kind: 'suppressed', of, count: window.suppressed })
      window.suppressed = 0
    }
  }
  return (event) => {
    if (!isLimited(event.kind)) {
      flush()
      tell(event)
      return
    }
    const at = now()
    const window = windows.get(event.kind) ?? { end: at + windowMs, told: 0, suppressed: 0 }
    windows.set(event.kind, window)
    if (at >= window.end) {
      flush()
      Object.assign(window, { end: at + windowMs, told: 0 })
    }
    if (window.told >= most) {
      window.suppressed++
      return
    }
    window.told++
    tell(event)
  }
}
