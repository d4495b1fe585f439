import { createSimulatedFunction, type SimulatedFunctionOptions } from '../../../src/sim/create-simulated-function.js'
import type { SimulatedFunction } from '../../../src/sim/simulated-function.js'

export const iova = 0x10_0000n

/** A simulated device in the hands of a guest: its memory is mapped, and it has been writing into it for a while. */
export function inUse(model: string, options: SimulatedFunctionOptions = {}): SimulatedFunction {
  const fn = createSimulatedFunction(model, options)
  fn.dma.map(iova, fn.dma.allocate(0x1000n), 'read-write')
  fn.startDma({ iova, length: 4096, periodUs: 1000 })
  fn.clock.advance(10_000)
  return fn
}
