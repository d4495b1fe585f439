// Simulated devices: a reset's own waits cost nothing there, so what is left is the procedure's JavaScript.
import { Command } from '../src/pci/command.js'
import { headerOffset } from '../src/pci/header.js'
import { resetFunction } from '../src/reset/reset-function.js'
import { createSimulatedFunction } from '../src/sim/create-simulated-function.js'
import type { SimulatedFunction } from '../src/sim/simulated-function.js'

const models = ['nvme', 'edu-port', 'flr', 'pm-kernel', 'edu'] as const
const warmUp = 50

/** Resets of one kind, one after the other. */
export interface Throughput {
  /** By this machine's time. */
  readonly perSecond: number
  /** By the simulator's clock, for one reset. */
  readonly virtualMs: number
}

export interface SimulatedResult {
  readonly model: string
  readonly verdict: string
  readonly procedure: Throughput
  /** Not there where the device has no reset. */
  readonly bare: Throughput | undefined
}

/** Resets each model `count` times with the procedure and `count` times without. */
export async function measureSimulated(count: number): Promise<SimulatedResult[]> {
  const results: SimulatedResult[] = []
  for (const model of models) {
    using fn = createSimulatedFunction(model)
    let verdict = ''
    const procedure = await repeat(fn, count, async () => {
      verdict = (await resetFunction(fn)).verdict
    })
    const bare = fn.canReset ? await repeat(fn, count, () => fn.reset()) : undefined
    results.push({ model, verdict, procedure, bare })
  }
  return results
}

async function repeat(fn: SimulatedFunction, count: number, reset: () => Promise<unknown>): Promise<Throughput> {
  const on = Command.encode({ memorySpace: true, busMaster: true })
  const run = async (times: number): Promise<void> => {
    for (let done = 0; done < times; done++) {
      fn.config.write(headerOffset.command, 2, on)
      await reset()
    }
  }
  await run(warmUp)
  const began = performance.now()
  const virtuallyBegan = fn.clock.now()
  await run(count)
  return {
    perSecond: (count / (performance.now() - began)) * 1000,
    virtualMs: (fn.clock.now() - virtuallyBegan) / 1000 / count,
  }
}
