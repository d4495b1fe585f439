// Which open devices one hot reset would take along together.
import type { PhysicalFunction } from '../function/physical-function.js'

function reach(fn: PhysicalFunction): ReadonlySet<string> {
  return new Set([fn.address, ...affectedBy(fn)])
}

function affectedBy(fn: PhysicalFunction): string[] {
  try {
    const scope = fn.hotResetScope()
    return scope.ok ? scope.affected.map(({ address }) => address) : []
  } catch {
    // It is closed: its own reset says so, and those of the others go on.
    return []
  }
}

/** Groups of functions; no hot reset of one reaches into another group. */
export function hotResetClusters(functions: readonly PhysicalFunction[]): PhysicalFunction[][] {
  let clusters: { members: PhysicalFunction[]; reach: ReadonlySet<string> }[] = []
  for (const fn of functions) {
    const own = reach(fn)
    const touches = (cluster: { reach: ReadonlySet<string> }): boolean =>
      [...own].some((address) => cluster.reach.has(address))
    const joined = clusters.filter(touches)
    clusters = [
      ...clusters.filter((cluster) => !joined.includes(cluster)),
      {
        members: [...joined.flatMap((cluster) => cluster.members), fn],
        reach: new Set([...own, ...joined.flatMap((cluster) => [...cluster.reach])]),
      },
    ]
  }
  return clusters.map((cluster) => cluster.members)
}
