// Where a device's capabilities are. The list is walked once per device: offsets do not change while it is assigned,
// and a device that dies in the middle of the procedure must not look as if it had lost them.
import type { ConfigSpace } from '../function/config-space.js'
import { type CapabilityWalk, walkCapabilities } from '../pci/capability-walk.js'
import { messageOf, probe } from './reach.js'

export type Location =
  | { readonly kind: 'at'; readonly offset: number }
  | { readonly kind: 'absent' }
  /** Not found in a list that could not be walked to its end: it may be there. */
  | { readonly kind: 'unreadable'; readonly reason: string }

const walked = new WeakMap<ConfigSpace, CapabilityWalk>()

function walk(config: ConfigSpace): CapabilityWalk {
  const known = walked.get(config)
  if (known !== undefined) return known
  try {
    const fresh = walkCapabilities(config)
    const alive = probe(config)
    if (!alive.ok) return { entries: [], problem: alive.reason }
    if (fresh.problem === undefined) walked.set(config, fresh)
    return fresh
  } catch (error) {
    return { entries: [], problem: messageOf(error) }
  }
}

/** Finds a standard capability, and tells "not there" from "could not look". */
export function locate(config: ConfigSpace, id: number): Location {
  const list = walk(config)
  const entry = list.entries.find((candidate) => candidate.id === id)
  if (entry !== undefined) return { kind: 'at', offset: entry.offset }
  return list.problem === undefined ? { kind: 'absent' } : { kind: 'unreadable', reason: list.problem }
}
