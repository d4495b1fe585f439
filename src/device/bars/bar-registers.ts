// The BAR registers that the guest sees. They are answered here: the hardware's hold the host's addresses.
import { headerOffset } from '../../pci/header.js'
import { type ConfigOverlay, local, merge } from '../config/config-overlay.js'
import type { DeviceState } from '../device-state.js'
import type { BarShape } from './bar-shape.js'

const romEnable = 1
const barCount = 6

/** One dword of a BAR: which address bits it has, and what else it shows. */
interface BarDword {
  readonly mask: number
  readonly flags: number
  readonly pinned: number | undefined
}

const low = (value: bigint): number => Number(value & 0xffff_ffffn)
const high = (value: bigint): number => Number(value >> 32n)

function dwordOf(shapes: readonly BarShape[], index: number): BarDword | undefined {
  const shape = shapes.find((candidate) => candidate.index === index)
  if (shape !== undefined) {
    const pinned = shape.pinned === undefined ? undefined : low(shape.pinned)
    return { mask: low(shape.mask), flags: shape.flags, pinned }
  }
  const below = shapes.find((candidate) => candidate.index === index - 1 && candidate.is64Bit)
  if (below === undefined) return undefined
  return { mask: high(below.mask), flags: 0, pinned: below.pinned === undefined ? undefined : high(below.pinned) }
}

/** A pinned BAR still sizes: it shows its mask as long as all ones were written, and otherwise where it is. */
function shown({ mask, flags, pinned }: BarDword, written: number): number {
  const address = pinned === undefined || written === mask ? written : pinned
  return (address | flags) >>> 0
}

/** Adds the registers of all BARs and of the ROM; `changed` is called after each write. */
export function addBarRegisters(
  overlay: ConfigOverlay,
  shapes: readonly BarShape[],
  state: DeviceState,
  changed: () => void,
): void {
  for (let index = 0; index < barCount; index++) {
    const at = headerOffset.bar0 + 4 * index
    const dword = dwordOf(shapes, index)
    if (dword === undefined) {
      overlay.add(
        at,
        local(`BAR ${index} not implemented`, () => 0),
      )
      continue
    }
    const written = (): number => state.bars[index] ?? 0
    overlay.add(
      at,
      local(
        `BAR ${index}`,
        () => shown(dword, written()),
        (write) => {
          state.bars[index] = (merge(written(), write) & dword.mask) >>> 0
          changed()
        },
      ),
    )
  }
  const rom = shapes.find((shape) => shape.kind === 'rom')
  const romBits = rom === undefined ? 0 : low(rom.mask) | romEnable
  overlay.add(
    headerOffset.rom,
    local(
      rom === undefined ? 'expansion ROM not implemented' : 'expansion ROM',
      () => state.rom,
      (write) => {
        state.rom = (merge(state.rom, write) & romBits) >>> 0
        changed()
      },
    ),
  )
}

/** The last address below 2^32, 2^64 or, for ports, 2^16. */
function limitOf(shape: BarShape): bigint {
  if (shape.kind === 'io') return 0xffffn
  return shape.is64Bit ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn
}

/**
 * Where the guest's registers put a BAR. Nowhere at 0, which means unassigned, and nowhere at the very top, which is
 * where a BAR that is being sized seems to be.
 */
export function assignedAddress(shape: BarShape, state: DeviceState): bigint | undefined {
  if (shape.pinned !== undefined) return shape.pinned
  if (shape.kind === 'rom' && (state.rom & romEnable) === 0) return undefined
  const raw = shape.kind === 'rom' ? (state.rom & ~romEnable) >>> 0 : (state.bars[shape.index] ?? 0)
  const upper = shape.is64Bit ? (state.bars[shape.index + 1] ?? 0) : 0
  const address = (BigInt(upper) << 32n) | BigInt(raw)
  return address === 0n || address + shape.size - 1n >= limitOf(shape) ? undefined : address
}
