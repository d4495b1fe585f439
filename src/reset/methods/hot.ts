import type { AffectedFunction } from '../../function/kernel-outcome.js'
import { quiesce } from '../quiesce.js'
import { callKernel, type Method, type MethodContext } from './method.js'

function name(affected: AffectedFunction): string {
  return affected.driver === undefined ? affected.address : `${affected.address} (driver ${affected.driver})`
}

/** `VFIO_DEVICE_PCI_HOT_RESET`: resets everything on the bus, so only if everything there is ours. */
export const hotMethod: Method = {
  name: 'hot',
  whyNot({ fn }) {
    const scope = fn.hotResetScope()
    if (!scope.ok) return `the bus cannot be reset (${scope.errno}: ${scope.message})`
    const foreign = scope.affected.filter((affected) => !affected.owned)
    if (foreign.length === 0) return undefined
    return `it would also reset ${foreign.map(name).join(', ')}, which this process does not own`
  },
  async run(context: MethodContext) {
    const scope = context.fn.hotResetScope()
    // It was there a moment ago. Without it nobody knows which companions to quiet first.
    if (!scope.ok) return callKernel(context, () => Promise.resolve(scope))
    const reached = new Set(scope.affected.map((affected) => affected.address))
    // The kernel restores their Command too, as it was: theirs must be quiet before, as ours is.
    for (const companion of context.companions) {
      if (companion === context.fn || !reached.has(companion.address)) continue
      quiesce(companion, context.evidence, () => context.takeAlong?.(companion))
    }
    return callKernel(context, () => context.fn.hotReset())
  },
}
