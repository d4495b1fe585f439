// The hardware's config space as an assigned device reaches it: failures are values, reported and limited in rate, and
// any run of bytes inside a dword is split into the accesses that the kernel takes, with no byte read that was not asked.
import type { AccessWidth, ConfigSpace } from '../../function/config-space.js'
import { type DeviceEvents, reasonOf } from '../device-event.js'

interface Piece {
  readonly offset: number
  readonly width: AccessWidth
}

/** Naturally aligned accesses that cover `length` bytes from `offset`, which do not leave their dword. */
export function naturalAccesses(offset: number, length: number): Piece[] {
  const pieces: Piece[] = []
  let at = offset
  const end = offset + length
  while (at < end) {
    const left = end - at
    const width = at % 4 === 0 && left >= 4 ? 4 : at % 2 === 0 && left >= 2 ? 2 : 1
    pieces.push({ offset: at, width })
    at += width
  }
  return pieces
}

export class HardwareConfig {
  readonly #config: ConfigSpace
  readonly #events: DeviceEvents

  constructor(config: ConfigSpace, events: DeviceEvents) {
    this.#config = config
    this.#events = events
  }

  get size(): number {
    return this.#config.size
  }

  /** Reads 1 to 4 bytes of one dword; undefined if the access failed. */
  read(offset: number, length: number): number | undefined {
    let value = 0
    for (const piece of naturalAccesses(offset, length)) {
      try {
        value += this.#config.read(piece.offset, piece.width) * 2 ** (8 * (piece.offset - offset))
      } catch (error) {
        this.#failed(piece, error)
        return undefined
      }
    }
    return value
  }

  /** Writes 1 to 4 bytes of one dword; whether every access went through. */
  write(offset: number, length: number, value: number): boolean {
    for (const piece of naturalAccesses(offset, length)) {
      const part = Math.floor(value / 2 ** (8 * (piece.offset - offset))) % 2 ** (8 * piece.width)
      try {
        this.#config.write(piece.offset, piece.width, part)
      } catch (error) {
        this.#failed(piece, error)
        return false
      }
    }
    return true
  }

  #failed({ offset, width }: Piece, error: unknown): void {
    this.#events.report({ kind: 'config-access-failed', offset, width, reason: reasonOf(error) })
  }
}
