// The power state in PMCSR. VFIO carries out the transition at a write that starts at PMCSR and ignores its result,
// so every write is followed by the specified wait and a read back.
import { hex } from '../bits/hex.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import { PmControlStatus, pmOffset } from '../pci/capabilities/pm.js'
import { capabilityId } from '../pci/capability-ids.js'
import { locate } from './locate.js'
import { readLive, writeConfig } from './reach.js'
import type { PowerStateName } from './report.js'

/** PCI PM 1.2, table 5-6 and PCIe 5.0 5.3.1.4: 10 ms between D3hot and any access, both ways. */
export const d3TransitionMs = 10

const stateNames: readonly PowerStateName[] = ['D0', 'D1', 'D2', 'D3hot']
export const powerStateNumber = { D0: 0, D3hot: 3 } as const

export interface PowerCapability {
  /** Config offset of PMCSR. */
  readonly at: number
  readonly raw: number
  readonly state: PowerStateName
  /** 1: D3hot -> D0 keeps the device's state, so it is no reset. */
  readonly noSoftReset: boolean
}

export type PowerReading =
  | { readonly kind: 'present'; readonly power: PowerCapability }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable'; readonly reason: string }

/** Reads PMCSR. A function without a PM capability is always in D0. */
export function readPower(fn: PhysicalFunction): PowerReading {
  const location = locate(fn.config, capabilityId.pm)
  if (location.kind !== 'at') return location
  const at = location.offset + pmOffset.controlStatus
  const reading = readLive(fn.config, at)
  if (!reading.ok) return { kind: 'unreadable', reason: reading.reason }
  const fields = PmControlStatus.decode(reading.value)
  return {
    kind: 'present',
    power: {
      at,
      raw: reading.value,
      state: stateNames[fields.powerState] ?? 'unknown',
      noSoftReset: fields.noSoftReset,
    },
  }
}

export function powerStateOf(reading: PowerReading): PowerStateName {
  if (reading.kind === 'absent') return 'D0'
  return reading.kind === 'present' ? reading.power.state : 'unknown'
}

export interface PowerTransition {
  readonly ok: boolean
  readonly before: string
  readonly after: string
  readonly reason?: string
}

/** Writes a power state, waits as the specification demands, and reads back whether the device went there. */
export async function setPowerState(
  fn: PhysicalFunction,
  power: PowerCapability,
  target: keyof typeof powerStateNumber,
): Promise<PowerTransition> {
  // PME_Status is cleared by writing 1: keep it out of the value that is written back.
  const value = PmControlStatus.encode({ powerState: powerStateNumber[target], pmeStatus: false }, power.raw)
  const before = hex(power.raw)
  const failure = writeConfig(fn.config, power.at, 2, value)
  if (failure !== undefined) return { ok: false, before, after: before, reason: failure }
  await fn.clock.sleep(d3TransitionMs)
  const now = readPower(fn)
  if (now.kind !== 'present') {
    const reason = now.kind === 'unreadable' ? now.reason : 'the power management capability disappeared'
    return { ok: false, before, after: hex(value), reason }
  }
  const after = hex(now.power.raw)
  if (now.power.state === target) return { ok: true, before, after }
  return { ok: false, before, after, reason: `the device is in ${now.power.state}, not in ${target}` }
}
