// Opening and closing a function, with a guest's device on top of it and without.
import { AssignedDevice } from '../../src/device/assigned-device.js'
import type { Vmm } from '../../src/device/vmm.js'
import type { PhysicalFunction } from '../../src/function/physical-function.js'

/** Milliseconds. */
export interface OpenClose {
  readonly open: number[]
  readonly close: number[]
  readonly both: number[]
}

export interface OpenCloseSamples {
  readonly bare: OpenClose
  readonly assigned: OpenClose
}

interface Opened<F extends PhysicalFunction> {
  readonly open: () => F | Promise<F>
  readonly close: (fn: F) => void | Promise<void>
  readonly vmm: Vmm
}

/** By turns, after some that do not count; each goes first in every other round. */
export async function measureOpenClose<F extends PhysicalFunction>(
  { open, close, vmm }: Opened<F>,
  rounds: number,
): Promise<OpenCloseSamples> {
  const none = (): OpenClose => ({ open: [], close: [], both: [] })
  const samples = { bare: none(), assigned: none() }
  const bare = async () => {
    const fn = await open()
    return () => close(fn)
  }
  const assigned = async () => {
    const device = AssignedDevice.open(await open(), vmm)
    return () => device.close()
  }
  const warmUp = 2
  for (let round = -warmUp; round < rounds; round++) {
    const turns = [
      { way: bare, into: samples.bare },
      { way: assigned, into: samples.assigned },
    ]
    for (const { way, into } of round % 2 === 0 ? turns : turns.reverse()) {
      const began = performance.now()
      const end = await way()
      const opened = performance.now()
      await end()
      const closed = performance.now()
      if (round < 0) continue
      into.open.push(opened - began)
      into.close.push(closed - opened)
      into.both.push(closed - began)
    }
  }
  return samples
}
