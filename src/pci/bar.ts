// Base Address Registers (PCI Local Bus 3.0 section 6.2.5, PCIe 6.0 section 7.5.1.2.1) and the expansion ROM's.
import { register } from '../bits/register.js'
import type { ConfigReader } from './config-reader.js'
import { bridgeOffset, HeaderType, headerLayout, headerOffset } from './header.js'

export const MemoryBar = register('PCI_BASE_ADDRESS_MEM', 32, {
  io: [0],
  type: [2, 1],
  prefetchable: [3],
  base: [31, 4],
})
export const IoBar = register('PCI_BASE_ADDRESS_IO', 32, { io: [0], base: [31, 2] })
export const RomBar = register('PCI_ROM_ADDRESS', 32, { enable: [0], base: [31, 11] })

/** Values of MemoryBar.type. */
export const memoryBarType = { bits32: 0, below1M: 1, bits64: 2, reserved: 3 } as const

export interface Bar {
  /** 0 to 5; `rom` for the expansion ROM. */
  readonly index: number | 'rom'
  /** Of its register in configuration space. */
  readonly offset: number
  readonly kind: 'memory' | 'io' | 'rom'
  readonly width: 16 | 20 | 32 | 64
  readonly prefetchable: boolean
  readonly address: bigint
  /** Bytes, where the caller knows them: a register alone does not tell. */
  readonly size?: bigint
  /** Whether the function decodes it: Command for BARs, its own enable bit too for the ROM. */
  readonly enabled: boolean
  /** Why it cannot be right. */
  readonly problem?: string
}

/** Bytes by BAR index, the ROM at 6: as VFIO's regions and sysfs number them. */
export type BarSizes = readonly (bigint | undefined)[]

/** How many BARs a header type has; what follows the first in a CardBus bridge is not a BAR. */
export const barCounts: Readonly<Record<number, number>> = {
  [headerLayout.endpoint]: 6,
  [headerLayout.bridge]: 2,
  [headerLayout.cardbus]: 1,
}

const romOffset: Readonly<Record<number, number>> = {
  [headerLayout.endpoint]: headerOffset.rom,
  [headerLayout.bridge]: bridgeOffset.rom,
}

const allOnes = 0xffffffff
const romIndex = 6
const widths = { [memoryBarType.bits32]: 32, [memoryBarType.below1M]: 20, [memoryBarType.bits64]: 64 } as const

function known(size: bigint | undefined): { size: bigint } | Record<never, never> {
  return size === undefined ? {} : { size }
}

/**
 * The BARs that the function implements. A register that reads as zero and whose size is not known is taken as not
 * implemented: without sizing it cannot be told from one that has no address yet.
 */
export function decodeBars(reader: ConfigReader, sizes: BarSizes = []): Bar[] {
  const { layout } = HeaderType.decode(reader.read(headerOffset.headerType, 1))
  const command = reader.read(headerOffset.command, 2)
  const ioEnabled = (command & 1) !== 0
  const memoryEnabled = (command & 2) !== 0
  const count = barCounts[layout] ?? 0
  const bars: Bar[] = []

  for (let index = 0; index < count; index++) {
    const offset = headerOffset.bar0 + 4 * index
    const size = sizes[index]
    const raw = reader.read(offset, 4)
    if (raw === allOnes || (raw === 0 && !size)) continue
    const common = { index, offset, ...known(size) }
    if (IoBar.decode(raw).io) {
      const address = BigInt((raw & ~3) >>> 0)
      bars.push({ ...common, kind: 'io', width: 16, prefetchable: false, address, enabled: ioEnabled })
      continue
    }
    const { type, prefetchable } = MemoryBar.decode(raw)
    const low = BigInt((raw & ~0xf) >>> 0)
    const memory = { ...common, kind: 'memory', prefetchable, enabled: memoryEnabled } as const
    if (type === memoryBarType.reserved) {
      bars.push({ ...memory, width: 32, address: low, problem: 'reserved memory type 3' })
    } else if (type !== memoryBarType.bits64) {
      bars.push({ ...memory, width: widths[type === memoryBarType.below1M ? 1 : 0], address: low })
    } else if (index === count - 1) {
      bars.push({ ...memory, width: 64, address: low, problem: 'the upper half of a 64-bit BAR is missing' })
    } else {
      index++
      const high = reader.read(offset + 4, 4)
      bars.push({ ...memory, width: 64, address: (BigInt(high) << 32n) | low })
    }
  }

  const rom = romOffset[layout]
  if (rom !== undefined) {
    const raw = reader.read(rom, 4)
    const size = sizes[romIndex]
    if (raw !== allOnes && (raw !== 0 || size)) {
      const address = BigInt((raw & ~0x7ff) >>> 0)
      const enabled = memoryEnabled && RomBar.decode(raw).enable
      const common = { index: 'rom', offset: rom, kind: 'rom', width: 32, prefetchable: false } as const
      bars.push({ ...common, address, enabled, ...known(size) })
    }
  }
  return bars
}

/**
 * The size that a BAR shows after all ones were written to it (PCI Local Bus 3.0 section 6.2.5.1): bits that stay
 * zero are below the size. 0 where it is not implemented.
 */
export function barSize(sized: bigint, kind: Bar['kind'], width: 16 | 32 | 64): bigint {
  const flags = kind === 'io' ? 0x3n : kind === 'rom' ? 0x7ffn : 0xfn
  const space = 1n << BigInt(width)
  const mask = sized & (space - 1n) & ~flags
  return mask === 0n ? 0n : (~mask + 1n) & (space - 1n)
}
