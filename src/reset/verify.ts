// Looks at a device as it is now, believing nothing that was done before.
import { hex } from '../bits/hex.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import { readPending } from './drain.js'
import type { Evidence } from './evidence.js'
import { areInterruptsOff } from './interrupts-off.js'
import { powerStateOf, readPower } from './power.js'
import { mustBeOff, type QuiesceOutcome, quiesce, readBack, readCommand } from './quiesce.js'
import { probe } from './reach.js'
import type { Verification } from './report.js'

export interface VerifyOutcome extends Verification {
  /** Command as last read back. */
  readonly readBack: QuiesceOutcome
  /** Everything that a device must show before it can be called quiet, in words; empty when all of it holds. */
  readonly failings: readonly string[]
}

export interface VerifyOptions {
  /** Class and revision as read at first; undefined where they could not be. */
  readonly identity: number | undefined
  /** Clear again what a kernel restore brought back. */
  readonly clearAgain: boolean
}

/** Verifies that the device answers as itself, is off the bus, in D0, with its interrupts off and nothing pending. */
export function verify(fn: PhysicalFunction, evidence: Evidence, options: VerifyOptions): VerifyOutcome {
  const failings: string[] = []
  const identity = probe(fn.config)
  const isItself = identity.ok && (options.identity === undefined || identity.value === options.identity)
  if (!identity.ok) failings.push(identity.reason)
  else if (!isItself) failings.push(`class and revision read ${hex(identity.value, 8)}, not as before`)

  const command = readCommand(fn)
  const isOn = command.ok && (command.value & mustBeOff(fn)) !== 0
  const clearAgain = options.clearAgain && isItself && isOn
  if (clearAgain) {
    evidence.record({
      step: 'verify',
      what: 'clear Command again',
      register: 'PCI_COMMAND',
      before: hex(command.value),
      ok: false,
      reason: 'it is on: it did not go off, or a reset or a change of power state brought it back',
    })
  }
  const back = clearAgain ? quiesce(fn, evidence) : readBack(fn, evidence)
  if (!back.verified) failings.push('Command does not read back with Bus Master, Memory Space and I/O Space off')

  const pending = readPending(fn)
  const isPending = pending.kind === 'seen' && pending.pending
  if (isPending) failings.push('transactions are still pending')

  const powerState = powerStateOf(readPower(fn))
  if (powerState !== 'D0') failings.push(`power state is ${powerState}, not D0`)
  const interrupts = areInterruptsOff(fn)
  if (!interrupts) failings.push('MSI or MSI-X is still enabled')

  evidence.record({
    step: 'verify',
    what: 'verify that the device answers, is off the bus, in D0, with interrupts off and nothing pending',
    ok: failings.length === 0,
    ...(failings.length === 0 ? {} : { reason: failings.join('; ') }),
  })
  return {
    reachable: isItself,
    quiet: isItself && back.verified && !isPending,
    powerState,
    interruptsOff: interrupts,
    readBack: back,
    failings,
  }
}
