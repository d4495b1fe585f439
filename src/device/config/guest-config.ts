// Config space as the guest accesses it: 1, 2 or 4 bytes anywhere, aligned or not, each dword by its rule.
import type { AccessWidth } from '../../function/config-space.js'
import type { ConfigOverlay, DwordRule } from './config-overlay.js'
import type { HardwareConfig } from './hardware-config.js'

/** What of one dword an access touches. */
interface Lanes {
  readonly dword: number
  /** Its first byte. */
  readonly offset: number
  readonly length: number
  /** Bits of the access below it. */
  readonly shift: number
}

/** What the space may reach now. `off`: nothing, reads are all ones. `read-only`: writes go to watchers only. */
export type Reach = 'full' | 'read-only' | 'off'

function lanesOf(offset: number, width: number): Lanes[] {
  const lanes: Lanes[] = []
  let at = offset
  while (at < offset + width) {
    const dword = at & ~3
    const end = Math.min(dword + 4, offset + width)
    lanes.push({ dword, offset: at, length: end - at, shift: 8 * (at - offset) })
    at = end
  }
  return lanes
}

const allOnes = (bytes: number): number => 2 ** (8 * bytes) - 1

/** The access's bits in their place in the dword. */
const enabledBits = ({ dword, offset, length }: Lanes): number => (allOnes(length) << (8 * (offset - dword))) >>> 0

export class GuestConfig {
  readonly #hardware: HardwareConfig
  readonly #overlay: ConfigOverlay
  readonly #reach: () => Reach

  constructor(hardware: HardwareConfig, overlay: ConfigOverlay, reach: () => Reach) {
    this.#hardware = hardware
    this.#overlay = overlay
    this.#reach = reach
  }

  /** Never throws: what cannot be read is all ones, as on a bus where nobody answers. */
  read(offset: number, width: AccessWidth): number {
    if (!this.#begins(offset) || this.#reach() === 'off') return allOnes(width)
    let value = 0
    for (const lanes of lanesOf(offset, width)) {
      const part = this.#readLanes(lanes)
      if (part === undefined) return allOnes(width)
      value += part * 2 ** lanes.shift
    }
    return value
  }

  write(offset: number, width: AccessWidth, value: number): void {
    if (!this.#begins(offset)) return
    for (const lanes of lanesOf(offset, width)) {
      // Asked again for each dword: the first half of a write may have begun a reset.
      const reach = this.#reach()
      if (reach === 'off') return
      const part = Math.floor((value >>> 0) / 2 ** lanes.shift) % 2 ** (8 * lanes.length)
      this.#writeLanes(lanes, part, reach)
    }
  }

  /** Whether the space begins an access there; one that ends outside is answered as far as it goes. */
  #begins(offset: number): boolean {
    return Number.isInteger(offset) && offset >= 0 && offset < this.#hardware.size
  }

  #readLanes(lanes: Lanes): number | undefined {
    const { dword, offset, length } = lanes
    if (dword + 4 > this.#hardware.size) return allOnes(length)
    const rule = this.#overlay.at(dword)
    if (rule === undefined) return this.#hardware.read(offset, length)
    const enabled = enabledBits(lanes)
    const below = 8 * (offset - dword)
    const own = ((rule.read() & rule.mask & enabled) >>> below) >>> 0
    if ((enabled & ~rule.mask) === 0) return own
    const raw = this.#hardware.read(offset, length)
    // A device that is gone reads as all ones: what we know of it must not make it look alive.
    if (raw === undefined || raw === allOnes(length)) return raw
    return ((raw & ~(rule.mask >>> below)) | own) >>> 0
  }

  #writeLanes(lanes: Lanes, value: number, reach: Reach): void {
    const { dword, offset, length } = lanes
    if (dword + 4 > this.#hardware.size) return
    const rule = this.#overlay.at(dword)
    const below = 8 * (offset - dword)
    if (rule?.write !== undefined) rule.write({ value: (value << below) >>> 0, mask: enabledBits(lanes) })
    else if (reach !== 'full' || rule?.kind === 'hidden') return
    else if (rule === undefined) this.#hardware.write(offset, length, value)
    else this.#writePatched(lanes, rule, value)
  }

  /** A byte that is patched as a whole is left out; of one that is patched in part the hardware keeps its own bits. */
  #writePatched({ dword, offset, length }: Lanes, rule: DwordRule, value: number): void {
    for (let i = 0; i < length; i++) {
      const at = offset + i
      const mask = (rule.mask >>> (8 * (at - dword))) & 0xff
      const byte = Math.floor(value / 2 ** (8 * i)) & 0xff
      if (mask === 0xff) continue
      const raw = mask === 0 ? 0 : this.#hardware.read(at, 1)
      if (raw !== undefined) this.#hardware.write(at, 1, (byte & ~mask) | (raw & mask))
    }
  }
}
