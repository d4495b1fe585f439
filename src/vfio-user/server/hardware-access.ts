// A client's accesses to hardware, which takes them by natural widths and may not answer.
import { QuiesceError } from '../../errors/quiesce-error.js'

type Piece = (at: bigint, part: Uint8Array) => void

export class HardwareAccess {
  readonly #onFailure: 'all-ones' | 'errno'
  readonly #report: (region: number, offset: bigint, reason: string) => void
  #closed: string | undefined

  constructor(onFailure: 'all-ones' | 'errno', report: (region: number, offset: bigint, reason: string) => void) {
    this.#onFailure = onFailure
    this.#report = report
  }

  /** Nothing reaches the hardware until `open`: reads give all ones, writes vanish. */
  close(reason: string): void {
    this.#closed = reason
  }

  open(): void {
    this.#closed = undefined
  }

  read(region: number, offset: bigint, into: Uint8Array, widest: number, read: Piece): void {
    if (this.#closed !== undefined) {
      into.fill(0xff)
      return
    }
    for (const { at, part } of naturalPieces(offset, into, widest)) {
      if (this.#attempt(region, at, () => read(at, part))) continue
      into.fill(0xff, Number(at - offset))
      return
    }
  }

  write(region: number, offset: bigint, from: Uint8Array, widest: number, write: Piece): void {
    if (this.#closed !== undefined) return
    for (const { at, part } of naturalPieces(offset, from, widest)) {
      if (!this.#attempt(region, at, () => write(at, part))) return
    }
  }

  /** False: it does not answer. Of one access, nothing is tried after that: a client may ask for a million pieces at once. */
  #attempt(region: number, at: bigint, act: () => void): boolean {
    try {
      act()
      return true
    } catch (error) {
      if (!(error instanceof QuiesceError)) throw error
      this.#report(region, at, error.message)
      if (this.#onFailure === 'errno') throw error
      return false
    }
  }
}

/** Pieces of 1, 2, 4 or 8 bytes, each aligned to its size: a driver's access is one of them and stays whole. */
function* naturalPieces(offset: bigint, bytes: Uint8Array, widest: number) {
  for (let done = 0; done < bytes.byteLength; ) {
    const at = offset + BigInt(done)
    let width = widest
    while (width > 1 && (at % BigInt(width) !== 0n || width > bytes.byteLength - done)) width /= 2
    yield { at, part: bytes.subarray(done, done + width) }
    done += width
  }
}
