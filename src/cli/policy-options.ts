// The options that shape a reset, for every command that resets.
import { type ResetMethod, type ResetOrder, type ResetPolicy, resetMethods, resetOrders } from '../reset/policy.js'
import { flag, value } from './command.js'
import { duration, listOf, oneOf } from './option-values.js'

export const policyOptions = {
  methods: value(
    '--methods <list>',
    'which resets to try, in this order (vfio,hot,pm)',
    listOf('--methods', resetMethods),
  ),
  order: value(
    '--order <order>',
    'quiesce-first, or reset-first for devices that wedge when stopped under DMA',
    oneOf('--order', resetOrders),
  ),
  requireReset: flag(
    '--require-reset',
    'only a clean device may be used again; anything else is reported as not reusable',
  ),
  timeout: value('--timeout <time>', 'how long one method may take (30s, 2m; default 75s)', duration('--timeout')),
}

export interface PolicyOptions {
  readonly methods?: readonly ResetMethod[]
  readonly order?: ResetOrder
  readonly requireReset?: boolean
  readonly timeout?: number
}

/** What was asked for; the rest is the procedure's to choose. */
export function policyOf({ methods, order, requireReset, timeout }: PolicyOptions): Partial<ResetPolicy> {
  return {
    ...(methods === undefined ? {} : { methods }),
    ...(order === undefined ? {} : { order }),
    ...(requireReset === undefined ? {} : { requireReset }),
    ...(timeout === undefined ? {} : { methodTimeoutMs: timeout }),
  }
}
