// Faults as data: which, with what value, and when. Before the reset, or at a virtual time in the midst of it.
import fc from 'fast-check'
import { type FaultName, type FaultValues, faultNames } from '../../src/sim/faults.js'
import type { SimulatedFunction } from '../../src/sim/simulated-function.js'

export interface PlannedFault {
  readonly name: FaultName
  readonly value: boolean | number | string
  /** Microseconds after the reset began; undefined for before it. */
  readonly atUs: number | undefined
  /** Microseconds after the reset began at which it clears by itself; undefined for never. */
  readonly clearsAtUs: number | undefined
}

const errnos = ['EIO', 'ENOTTY', 'EAGAIN', 'EINVAL', 'ENODEV'] as const

/** Values of the faults that are not flags. */
const valued: { readonly [K in FaultName]?: fc.Arbitrary<number | string> } = {
  'reset-fails': fc.constantFrom(...errnos),
  'hot-reset-fails': fc.constantFrom(...errnos),
  'detach-fails': fc.constantFrom('EIO', 'EINVAL'),
  'unmap-fails': fc.constantFrom('EIO', 'EINVAL'),
  'reset-slow-ms': fc.constantFrom(5, 300, 1500, 5000),
  'reset-lock-contention': fc.integer({ min: 1, max: 40 }),
}

/** Mostly in the first milliseconds, where the quiesce is; sometimes later. */
const moment = fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 400_000 }))

export const plannedFault: fc.Arbitrary<PlannedFault> = fc.constantFrom(...faultNames).chain((name) =>
  fc.record({
    name: fc.constant(name),
    value: valued[name] ?? fc.constant(true),
    atUs: fc.option(moment, { nil: undefined }),
    clearsAtUs: fc.option(moment, { nil: undefined }),
  }),
)

/** Puts the faults in place; call it as the reset begins. */
export function plan(fn: SimulatedFunction, faults: readonly PlannedFault[]): void {
  for (const { name, value, atUs, clearsAtUs } of faults) {
    const set = (): void => fn.faults.set(name, value as FaultValues[typeof name])
    if (atUs === undefined) set()
    else fn.clock.schedule(atUs, set)
    if (clearsAtUs !== undefined) fn.clock.schedule(clearsAtUs, () => fn.faults.clear(name))
  }
}
