import { createSimulatedFunction, type SimulatedFunctionOptions } from '../../../src/sim/create-simulated-function.js'
import { readRegister, writeRegister } from '../../../src/sim/region-access.js'
import type { SimulatedFunction } from '../../../src/sim/simulated-function.js'

export const iova = 0x10_0000n
export const commandOffset = 0x04
export const command = { io: 0x1, memory: 0x2, busMaster: 0x4, intxDisable: 0x400 } as const

/** A function with a page mapped at `iova`, full of 0xa5. */
export function openWithMemory(model: string, options?: SimulatedFunctionOptions) {
  const fn = createSimulatedFunction(model, options)
  const memory = fn.dma.allocate(4096n)
  memory.bytes.fill(0xa5)
  const mapping = fn.dma.map(iova, memory, 'read-write')
  return { fn, memory, mapping }
}

/** One whose device is in the middle of streaming into that page. */
export async function openStreaming(model: string, options?: SimulatedFunctionOptions) {
  const opened = openWithMemory(model, options)
  opened.fn.startDma({ iova, periodUs: 100 })
  await opened.fn.clock.sleep(1)
  return opened
}

export function setBusMaster(fn: SimulatedFunction, on: boolean): void {
  const value = fn.config.read(commandOffset, 2)
  fn.config.write(commandOffset, 2, on ? value | command.busMaster : value & ~command.busMaster)
}

export function readWord(fn: SimulatedFunction, offset: number): number {
  const region = fn.regions[0]
  return region === undefined ? Number.NaN : Number(readRegister(region, offset, 4))
}

export function writeWord(fn: SimulatedFunction, offset: number, value: number): void {
  const region = fn.regions[0]
  if (region !== undefined) writeRegister(region, offset, 4, BigInt(value))
}

/** Where a capability of the function lies. */
export function capability(fn: SimulatedFunction, id: number): number {
  const at = fn.hardware.config.capabilities.get(id)
  if (at === undefined) throw new Error(`${fn.address} has no capability ${id}`)
  return at
}

export async function landsWithin(fn: SimulatedFunction, ms: number): Promise<number> {
  const before = fn.ledger.landedCount
  await fn.clock.sleep(ms)
  return fn.ledger.landedCount - before
}
