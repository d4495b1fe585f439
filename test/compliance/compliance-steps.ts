// What the parts of the compliance suite have in common.
import assert from 'node:assert/strict'
import { type ErrorCode, QuiesceError } from '../../src/errors/quiesce-error.js'
import type { PhysicalFunction } from '../../src/function/physical-function.js'
import type { ScratchRegister } from './compliance-fixture.js'

export const command = { offset: 0x04, io: 0x1, memory: 0x2, busMaster: 0x4, intxDisable: 0x400 } as const
/** Where the suite maps memory. */
export const iova = 0x10_0000n
export const canary = 0xa5

export type Run = (fn: PhysicalFunction) => void | Promise<void>

export function throwsCode(code: ErrorCode, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof QuiesceError && error.code === code)
}

export function setCommand(fn: PhysicalFunction, set: number, clear: number): void {
  fn.config.write(command.offset, 2, (fn.config.read(command.offset, 2) & ~clear) | set)
}

export function readWord(fn: PhysicalFunction, { region, offset }: ScratchRegister): number {
  const bytes = new Uint8Array(4)
  fn.regions[region]?.read(offset, bytes)
  return new DataView(bytes.buffer).getUint32(0, true)
}

export function writeWord(fn: PhysicalFunction, { region, offset }: ScratchRegister, value: number): void {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  fn.regions[region]?.write(offset, bytes)
}

export async function eventually(fn: PhysicalFunction, isSo: () => boolean, withinMs: number): Promise<boolean> {
  const end = fn.clock.now() + withinMs * 1000
  while (!isSo() && fn.clock.now() < end) await fn.clock.sleep(5)
  return isSo()
}

/** Registers a test that has a function of its own, freshly opened. */
export type Check = (sentence: string, run: Run) => void

/** What the kernel's VFIO can do, only others may leave out. */
export function assertNotKernel({ backend }: PhysicalFunction): void {
  assert.ok(backend !== 'vfio-group' && backend !== 'vfio-cdev', `${backend} can do that`)
}
