// A guest's accesses to the trapped parts of a BAR: emulated windows answer for themselves, the rest goes to the region
// in naturally aligned accesses.
import { regionIndex } from '../../function/region.js'
import { type DeviceEvents, reasonOf } from '../device-event.js'
import { type DeviceState, isUsable } from '../device-state.js'
import type { AccessHandler } from '../vmm.js'
import type { BarShape } from './bar-shape.js'

/** A part of a BAR that is answered here. */
export interface EmulatedWindow {
  readonly bar: number
  readonly offset: bigint
  readonly size: bigint
  readonly what: string
  /** Offsets count from the start of the window. */
  readonly handler: AccessHandler
}

const sizes = [8, 4, 2, 1] as const

/** Offsets count from the start of the BAR. */
export class BarAccess implements AccessHandler {
  readonly #shape: BarShape
  readonly #windows: readonly EmulatedWindow[]
  readonly #state: DeviceState
  readonly #events: DeviceEvents

  constructor(shape: BarShape, windows: readonly EmulatedWindow[], state: DeviceState, events: DeviceEvents) {
    this.#shape = shape
    this.#windows = windows
    this.#state = state
    this.#events = events
  }

  read(offset: bigint, into: Uint8Array): void {
    into.fill(0xff)
    this.#split(offset, into, (at, part, window) => {
      if (window !== undefined) window.handler.read(at - window.offset, part)
      else this.#try(at, part, () => this.#shape.region.read(at, part))
    })
  }

  write(offset: bigint, from: Uint8Array): void {
    // A ROM is not written, whatever its region could take.
    if (this.#shape.index === regionIndex.rom) return
    this.#split(offset, from, (at, part, window) => {
      if (window !== undefined) window.handler.write(at - window.offset, part)
      else this.#try(at, undefined, () => this.#shape.region.write(at, part))
    })
  }

  #split(
    offset: bigint,
    bytes: Uint8Array,
    visit: (at: bigint, part: Uint8Array, window: EmulatedWindow | undefined) => void,
  ): void {
    let done = 0
    while (done < bytes.length && isUsable(this.#state)) {
      const at = offset + BigInt(done)
      const left = bytes.length - done
      const window = this.#windows.find((each) => at >= each.offset && at < each.offset + each.size)
      const length =
        window === undefined ? this.#naturalLength(at, left) : Math.min(left, Number(window.offset + window.size - at))
      visit(at, bytes.subarray(done, done + length), window)
      done += length
    }
  }

  /** The largest aligned access that fits and does not reach into a window. */
  #naturalLength(at: bigint, left: number): number {
    const fits = (size: number): boolean =>
      size <= left &&
      at % BigInt(size) === 0n &&
      !this.#windows.some((each) => each.offset > at && each.offset < at + BigInt(size))
    return sizes.find(fits) ?? 1
  }

  #try(offset: bigint, into: Uint8Array | undefined, access: () => void): void {
    // Past the end of a ROM whose image does not fill its BAR.
    if (offset >= this.#shape.region.size) return
    try {
      access()
    } catch (error) {
      into?.fill(0xff)
      const { index } = this.#shape
      this.#events.report({ kind: 'region-access-failed', region: index, offset, reason: reasonOf(error) })
    }
  }
}
