// What a bridge forwards to its secondary side (PCI-to-PCI Bridge 1.2 sections 3.2.5.6 to 3.2.5.10).
import type { ConfigReader } from './config-reader.js'
import { bridgeOffset } from './header.js'

export interface BridgeWindow {
  readonly kind: 'io' | 'memory' | 'prefetchable'
  readonly width: 16 | 32 | 64
  readonly base: bigint
  /** The last byte. Below `base` where the bridge forwards nothing. */
  readonly limit: bigint
  readonly enabled: boolean
  /** Base and Limit name different or unknown address widths. */
  readonly problem?: string
}

interface WindowRegisters {
  readonly base: number
  readonly limit: number
  readonly baseUpper?: number
  readonly limitUpper?: number
}

interface WindowLayout {
  readonly kind: BridgeWindow['kind']
  /** Width of Base and Limit in bytes; the low four bits say how wide the addresses are. */
  readonly access: 1 | 2
  readonly shift: bigint
  /** All that lies below the granularity: 4 KiB of I/O, 1 MiB of memory. */
  readonly fill: bigint
  readonly narrow: 16 | 32
  /** Absent where there are no upper registers. */
  readonly wide?: 32 | 64
  readonly upperBits: bigint
  readonly at: WindowRegisters
}

const layouts: readonly WindowLayout[] = [
  {
    kind: 'io',
    access: 1,
    shift: 8n,
    fill: 0xfffn,
    narrow: 16,
    wide: 32,
    upperBits: 16n,
    at: {
      base: bridgeOffset.ioBase,
      limit: bridgeOffset.ioLimit,
      baseUpper: bridgeOffset.ioBaseUpper,
      limitUpper: bridgeOffset.ioLimitUpper,
    },
  },
  {
    kind: 'memory',
    access: 2,
    shift: 16n,
    fill: 0xfffffn,
    narrow: 32,
    upperBits: 0n,
    at: { base: bridgeOffset.memoryBase, limit: bridgeOffset.memoryLimit },
  },
  {
    kind: 'prefetchable',
    access: 2,
    shift: 16n,
    fill: 0xfffffn,
    narrow: 32,
    wide: 64,
    upperBits: 32n,
    at: {
      base: bridgeOffset.prefetchableBase,
      limit: bridgeOffset.prefetchableLimit,
      baseUpper: bridgeOffset.prefetchableBaseUpper,
      limitUpper: bridgeOffset.prefetchableLimitUpper,
    },
  },
]

function decodeWindow(reader: ConfigReader, layout: WindowLayout): BridgeWindow {
  const { kind, access, at, shift } = layout
  const base = reader.read(at.base, access)
  const limit = reader.read(at.limit, access)
  const type = base & 0xf
  const isWide = type === 1 && layout.wide !== undefined
  const known = type === (limit & 0xf) && (type === 0 || isWide)
  const upper = (offset: number | undefined): bigint => {
    if (!isWide || offset === undefined) return 0n
    return BigInt(reader.read(offset, layout.upperBits === 16n ? 2 : 4)) << (layout.upperBits === 16n ? 16n : 32n)
  }
  const low = upper(at.baseUpper) | (BigInt(base & ~0xf) << shift)
  const high = (upper(at.limitUpper) | (BigInt(limit & ~0xf) << shift)) + layout.fill
  const width = isWide ? (layout.wide ?? layout.narrow) : layout.narrow
  const window = { kind, width, base: low, limit: high, enabled: known && low <= high } as const
  if (known) return window
  return { ...window, problem: `unknown address types 0x${base.toString(16)} and 0x${limit.toString(16)}` }
}

/** The three windows of a type 1 header, in the order of their registers. */
export function decodeBridgeWindows(reader: ConfigReader): BridgeWindow[] {
  return layouts.map((layout) => decodeWindow(reader, layout))
}
