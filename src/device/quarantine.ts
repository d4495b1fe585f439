// When a device is kept quiet, and when it is let in again.
import type { PhysicalFunction } from '../function/physical-function.js'
import type { ResetReport } from '../reset/report.js'
import { reasonOf } from './device-event.js'
import type { DeviceParts } from './device-parts.js'
import type { DeviceState, Quarantine } from './device-state.js'
import type { MemoryProblem } from './memory/memory-keeper.js'

function isStuck({ attempts }: ResetReport): boolean {
  return attempts.some(({ result }) => result === 'stuck')
}

/**
 * Ends the containment of a device that a reset has left clean: reset by a method and verified, and so with nothing of
 * what it could not be stopped from doing left in it. Less is no proof. Why it was not ended, if it still holds.
 */
export function readmit(fn: PhysicalFunction, state: DeviceState, report: ResetReport): string | undefined {
  if (!state.contained || report.contained || report.verdict !== 'clean' || isStuck(report)) return undefined
  try {
    const outcome = fn.readmit()
    state.contained = !outcome.ok
    return outcome.ok ? undefined : `${outcome.errno}: ${outcome.message}`
  } catch (error) {
    return reasonOf(error)
  }
}

/** Whether a device has to be kept quiet after a reset, and why. */
export function quarantineAfter(
  report: ResetReport,
  contained: boolean,
  refusal?: string,
  memoryError?: unknown,
): Quarantine | undefined {
  const stuck = isStuck(report)
  if (!report.reusable) {
    return { reason: `the reset ended ${report.verdict}, which its policy does not let be used again`, stuck }
  }
  if (contained) {
    const detail = refusal === undefined ? '' : `, and it was not let in again (${refusal})`
    return { reason: `the IOMMU lets none of its DMA through since it was contained${detail}`, stuck }
  }
  if (stuck) return { reason: 'a reset is still running in the kernel', stuck }
  return memoryError === undefined ? undefined : { reason: outOfStep(memoryError), stuck }
}

/** Cuts a device off that still reaches memory which is not the guest's any more. */
export function containIfStillMapped(
  fn: PhysicalFunction,
  state: DeviceState,
  problem: MemoryProblem | undefined,
): void {
  if (problem?.stillMapped !== true || state.contained) return
  try {
    state.contained = fn.contain().ok
  } catch {
    // It is closed, and reaches nothing.
  }
}

export function outOfStep(error: unknown): string {
  return `it does not reach what the guest's memory is: ${reasonOf(error)}`
}

/** Takes a device that is in use away from its guest: off the bus, no BAR, no interrupt, until a reset ends well. */
export function putInQuarantine(parts: DeviceParts, reason: string): void {
  const { state, command, bars, interrupts } = parts
  state.quarantine = { reason, stuck: false }
  command.masterNoMore()
  bars.apply()
  command.decodeNoMore()
  interrupts.suspend()
}
