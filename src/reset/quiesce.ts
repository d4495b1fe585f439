// Takes a device off the bus by its Command register: Bus Master first, so that DMA stops, then the decoders.
//
// Invariant: nothing derived from a Command read that failed, or that reads as all ones, is ever written.
import { hex } from '../bits/hex.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import { Command } from '../pci/command.js'
import { headerOffset } from '../pci/header.js'
import type { Evidence } from './evidence.js'
import { type ConfigReading, probe, readLive, writeConfig } from './reach.js'

export interface QuiesceOutcome {
  /** Command before anything was written; undefined where it could not be read. */
  readonly before: number | undefined
  /** Command as last read back. */
  readonly after: number | undefined
  /** Whether it read back with every bit off that has to be. */
  readonly verified: boolean
}

const decoders = Command.mask('memorySpace', 'ioSpace')
const busMaster = Command.mask('busMaster')
/** PCIe 5.0 7.5.1.1.3: bits 15:11 are reserved and read as 0. They are what tells 0xFBFF from a value. */
const reserved = 0xf800

/** Reads Command; unreadable where the access fails, the value is impossible, or the device stops answering. */
export function readCommand(fn: PhysicalFunction): ConfigReading {
  return readLive(fn.config, headerOffset.command, reserved)
}

/** The bits that must be 0: on a virtual function Memory Space is the kernel's fiction and I/O does not exist. */
export function mustBeOff(fn: PhysicalFunction): number {
  return fn.isVirtualFunction ? busMaster : busMaster | decoders
}

function clear(fn: PhysicalFunction, evidence: Evidence, bits: number, what: string): boolean {
  const reading = readCommand(fn)
  const base = { step: 'quiesce', what, register: 'PCI_COMMAND', device: fn.address } as const
  if (!reading.ok) {
    evidence.record({ ...base, ok: false, reason: `not written, because Command could not be read: ${reading.reason}` })
    return false
  }
  const wanted = reading.value & ~bits
  // Every other bit is kept. A 2-byte write that starts at 0x04: the kernel's memory-enable hook runs for no other.
  const failure = writeConfig(fn.config, headerOffset.command, 2, wanted)
  evidence.record({
    ...base,
    ok: failure === undefined,
    before: hex(reading.value),
    after: hex(wanted),
    ...(failure === undefined ? {} : { reason: failure }),
  })
  return failure === undefined
}

/** Reads Command back and says whether everything is off that has to be. */
export function readBack(fn: PhysicalFunction, evidence: Evidence): QuiesceOutcome {
  const reading = readCommand(fn)
  const base = { step: 'read-back', register: 'PCI_COMMAND', device: fn.address } as const
  if (!reading.ok) {
    evidence.record({ ...base, what: 'read Command back', ok: false, reason: reading.reason })
    return { before: undefined, after: undefined, verified: false }
  }
  const still = Command.decode(reading.value & mustBeOff(fn))
  const names = [
    still.busMaster ? 'Bus Master' : '',
    still.memorySpace ? 'Memory Space' : '',
    still.ioSpace ? 'I/O Space' : '',
  ].filter((name) => name !== '')
  const verified = names.length === 0
  evidence.record({
    ...base,
    what: 'read Command back',
    ok: verified,
    after: hex(reading.value),
    ...(verified ? {} : { reason: `${names.join(', ')} did not go off` }),
  })
  return { before: undefined, after: reading.value, verified }
}

/**
 * Clears Bus Master, then Memory and I/O Space, and reads back. `between` is called after Bus Master, whether or not the
 * device could be read: it is where the guest loses the BARs.
 */
export function quiesce(fn: PhysicalFunction, evidence: Evidence, between?: () => void): QuiesceOutcome {
  const reachable = probe(fn.config)
  const first = reachable.ok ? readCommand(fn) : reachable
  if (!first.ok) {
    evidence.record({
      step: 'quiesce',
      what: 'leave Command alone',
      register: 'PCI_COMMAND',
      device: fn.address,
      ok: false,
      reason: `nothing is written, because Command could not be read: ${first.reason}`,
    })
  } else {
    clear(fn, evidence, busMaster, 'clear Bus Master')
  }
  between?.()
  if (first.ok) clear(fn, evidence, busMaster | decoders, 'clear Memory Space and I/O Space')
  const back = readBack(fn, evidence)
  return { ...back, before: first.ok ? first.value : undefined }
}
