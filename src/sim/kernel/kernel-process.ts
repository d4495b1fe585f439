// Kernel code that sleeps, written once: as a promise for the ioctls, or blocking, for what a config write sets off.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { FaultName, Faults } from '../faults.js'
import type { VirtualClock } from '../virtual-clock.js'

/** Milliseconds, or a hang that ends when a fault is cleared. */
export type KernelWait = number | { readonly hangsWhile: FaultName }

export type KernelProcess<T> = Generator<KernelWait, T, void>

export async function runAsleep<T>(process: KernelProcess<T>, clock: VirtualClock, faults: Faults): Promise<T> {
  for (;;) {
    const step = process.next()
    if (step.done === true) return step.value
    if (typeof step.value === 'number') await clock.sleep(step.value)
    else await faults.cleared(step.value.hangsWhile)
  }
}

export function runBlocking<T>(process: KernelProcess<T>, clock: VirtualClock, device: string): T {
  for (;;) {
    const step = process.next()
    if (step.done === true) return step.value
    if (typeof step.value !== 'number') {
      throw new QuiesceError('SYSTEM', `Cannot return from the kernel: a reset of ${device} hangs`, { device })
    }
    clock.advance(step.value * 1000)
  }
}
