// The state of an assigned device as a plain tree that prints and compares well: addresses are hex strings.
import { hex } from '../bits/hex.js'
import type { DmaAccess } from '../function/dma.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import type { Verdict } from '../reset/report.js'
import { reasonOf } from './device-event.js'
import type { DeviceParts } from './device-parts.js'
import type { Phase } from './device-state.js'
import type { MemoryKeeper } from './memory/memory-keeper.js'
import type { GuestMemoryRange } from './vmm.js'

export interface InspectedBar {
  readonly index: number
  readonly kind: 'memory' | 'io' | 'rom'
  readonly is64Bit: boolean
  readonly size: string
  readonly pinned: boolean
  /** Where it is in the guest now; null where it is not. */
  readonly address: string | null
  readonly pieces: readonly { readonly how: 'mapped' | 'trapped'; readonly offset: string; readonly size: string }[]
}

export interface InspectedVector {
  readonly vector: number
  readonly masked: boolean
  readonly pending: boolean
  readonly address: string
  readonly data: string
}

export interface InspectedRange {
  readonly address: string
  readonly size: string
  readonly access: DmaAccess
}

interface InspectedMessages {
  readonly enabled: boolean
  readonly vectors: readonly InspectedVector[]
}

export interface DeviceInspection {
  readonly address: string
  readonly backend: PhysicalFunction['backend']
  readonly phase: Phase
  /** Why it is kept quiet; null where it is not. */
  readonly quarantine: string | null
  readonly contained: boolean
  readonly lastReset: Verdict | null
  /** I/O Space, Memory Space and Bus Master, as the guest has them. */
  readonly command: string
  /** 0 for D0; null where the device does not say. */
  readonly powerState: number | null
  readonly bars: readonly InspectedBar[]
  readonly interrupts: {
    /** What is set up in the kernel. */
    readonly kind: 'intx' | 'msi' | 'msix' | null
    readonly msix: InspectedMessages | null
    readonly msi: InspectedMessages | null
  }
  readonly memory: {
    /** What the device reaches of the guest's memory. */
    readonly mapped: readonly InspectedRange[]
    /** What it reaches of other devices. */
    readonly peers: readonly InspectedRange[]
    /** Why that is not all that it should be; null where it is. */
    readonly problem: string | null
  }
  /** Dwords of config space that are not passed through. */
  readonly overlay: readonly { readonly dword: string; readonly kind: string; readonly what: string }[]
}

function inspectMessages(source: DeviceParts['interrupts']['msix' | 'msi']): InspectedMessages | null {
  if (source === undefined) return null
  return {
    enabled: source.isEnabled,
    vectors: Array.from({ length: source.count() }, (_, vector) => {
      const { address, data } = source.message(vector)
      return {
        vector,
        masked: source.isMasked(vector),
        pending: source.isPending(vector),
        address: hex(address, 8),
        data: hex(data, 8),
      }
    }),
  }
}

function inspectRange(range: Omit<GuestMemoryRange, 'backing'>): InspectedRange {
  return { address: hex(range.guestAddress, 8), size: hex(range.size, 1), access: range.access }
}

export function inspectDevice(fn: PhysicalFunction, parts: DeviceParts, memory: MemoryKeeper): DeviceInspection {
  const { state, bars, interrupts, overlay } = parts
  return {
    address: fn.address,
    backend: fn.backend,
    phase: state.phase,
    quarantine: state.quarantine?.reason ?? null,
    contained: state.contained,
    lastReset: state.lastReset?.verdict ?? null,
    command: hex(state.command),
    powerState: state.powerState ?? null,
    bars: bars.placed.map(({ shape, pieces, address }) => ({
      index: shape.index,
      kind: shape.kind,
      is64Bit: shape.is64Bit,
      size: hex(shape.size, 1),
      pinned: shape.pinned !== undefined,
      address: address === undefined ? null : hex(address, 8),
      pieces: pieces.map(({ how, offset, size }) => ({ how, offset: hex(offset, 1), size: hex(size, 1) })),
    })),
    interrupts: {
      kind: interrupts.current?.kind ?? null,
      msix: inspectMessages(interrupts.msix),
      msi: inspectMessages(interrupts.msi),
    },
    memory: {
      mapped: memory.mapped.map(inspectRange),
      peers: memory.peers.map((area) => inspectRange({ ...area, access: 'read-write' })),
      problem: memory.problem === undefined ? null : reasonOf(memory.problem.error),
    },
    overlay: overlay.entries().map(([dword, { kind, what }]) => ({ dword: hex(dword, 3), kind, what })),
  }
}
