// What reached the devices' config space, as QEMU saw it: an account that the program under test cannot embellish.
import type { Topology } from './topology.js'

/** One access. QEMU does not say how wide it was. */
export interface ConfigAccess {
  /** When, in milliseconds after the first access of the run. */
  readonly atMs: number
  /** The device's name in the topology; for the chipset and bridges, QEMU's own name of the model. */
  readonly device: string
  readonly address: string
  readonly kind: 'read' | 'write'
  readonly offset: number
  readonly value: number
}

// e.g. "1234@1700000000.123456:pci_cfg_write edu 00:04.0 @0x4 <- 0x6"; reads have "->".
const line =
  /^(?:\d+@(\d+\.\d+):)?pci_cfg_(read|write) (\S+) ([0-9a-f]+:[0-9a-f]+\.[0-9a-f]) @(0x[0-9a-f]+) (?:<-|->) (0x[0-9a-f]+)$/gm

/** Reads a trace, in order. */
export function parseConfigTrace(text: string, topology: Topology): ConfigAccess[] {
  const names = new Map<string, string>(topology.devices.map(({ address, name }) => [address, name]))
  let start: number | undefined
  return [...text.matchAll(line)].map(([, time = '0', kind, model = '', place = '', offset, value]) => {
    const seconds = Number(time)
    start ??= seconds
    const address = `0000:${place}`
    return {
      atMs: Math.round((seconds - start) * 1e6) / 1000,
      device: names.get(address) ?? model,
      address,
      kind: kind === 'read' ? 'read' : 'write',
      offset: Number(offset),
      value: Number(value),
    }
  })
}

/** Another event of QEMU's. */
export interface TraceEvent {
  /** As of a `ConfigAccess`. */
  readonly atMs: number
  readonly name: string
}

/** Reads the events of these names from a trace, in order. */
export function parseTraceEvents(text: string, names: readonly string[]): TraceEvent[] {
  let start: number | undefined
  return [...text.matchAll(/^\d+@(\d+\.\d+):(\w+)/gm)].flatMap(([, time, name = '']) => {
    const seconds = Number(time)
    if (name.startsWith('pci_cfg_')) start ??= seconds
    if (!names.includes(name)) return []
    return { atMs: Math.round((seconds - (start ?? seconds)) * 1e6) / 1000, name }
  })
}

// The Interrupt Line of the chipset's ISA bridge: software's own scratch register (PCI 3.0, 6.2.4), and nothing reads it.
const markAddress = '0000:00:1f.0'
const markOffset = 0x3c

/** What happened between two marks that the guest program set (see guest/mark.ts). */
export function accessesBetween(accesses: readonly ConfigAccess[], from: number, to: number): ConfigAccess[] {
  return accesses.slice(indexOfMark(accesses, from) + 1, indexOfMark(accesses, to))
}

function indexOfMark(accesses: readonly ConfigAccess[], mark: number): number {
  const index = accesses.findIndex(
    ({ address, offset, value, kind }) =>
      kind === 'write' && address === markAddress && offset === markOffset && value === mark,
  )
  if (index === -1) throw new Error(`Cannot find mark ${mark} in the trace: the guest program did not set it`)
  return index
}
