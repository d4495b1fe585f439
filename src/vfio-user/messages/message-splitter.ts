// Cuts a stream of bytes, in whatever pieces it arrives, into messages. What a peer can make it hold is bounded: the bytes
// that did arrive, of one message no longer than agreed on, with no more descriptors than agreed on.
//
// Descriptors. The kernel ends a read after the data that descriptors were sent with (unix(7), SCM_RIGHTS), so those that
// come with a piece belong to the message that the piece ends in. Each one that is pushed comes out exactly once, with its
// message or from `takeSpareFds`.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { ArrivedMessage } from './decode-message.js'
import { decodeHeader, Header, type MessageHeader } from './header.js'
import { type Limits, limitsBeforeVersion, maxMessageSize } from './limits.js'
import { Problem } from './problem.js'
import { type Rejection, reject } from './rejection.js'

const nothing = new Uint8Array(0)
/** Nearly every message comes without; never pushed to. */
const none: readonly number[] = []

/** A message grows in steps: memory is taken as bytes arrive, not as a header promises them. */
const leastStep = 4096

/** One read from the socket. */
export interface Piece {
  readonly bytes: Uint8Array
  readonly fds?: readonly number[]
  /** The kernel dropped descriptors for want of room (MSG_CTRUNC). */
  readonly fdsLost?: boolean
}

export class MessageSplitter {
  #limits: Limits | undefined
  /** What was pushed and not yet consumed. */
  #piece: Uint8Array = nothing
  #pieceFds: readonly number[] = none
  #pieceFdsLost = false
  /** The beginning of a message whose end is not there yet. */
  #held: Uint8Array = nothing
  #heldLength = 0
  #fds: readonly number[] = none
  #fdsLost = false
  #spare: number[] = []
  #broken = false

  /** The limits from here on: call it once VERSION was answered, before the next message is taken. */
  setLimits(limits: Limits): void {
    this.#limits = limits
  }

  /** A message was refused for its size: where the next begins is not known, and nothing more comes out. */
  get broken(): boolean {
    return this.#broken
  }

  /** Bytes of memory that are held for a message that is not complete. */
  get heldBytes(): number {
    return this.#held.byteLength
  }

  /**
   * Takes a piece; then call `next` until it returns nothing. The bytes must stay as they are until then, and so must those
   * of the messages, which are views of them.
   * @throws QuiesceError if the piece before was not taken to its end
   */
  push({ bytes, fds = none, fdsLost = false }: Piece): void {
    if (this.#piece.byteLength > 0) {
      throw new QuiesceError('USAGE', 'Cannot take more of a vfio-user stream: messages of the last piece are left')
    }
    if (this.#broken) {
      this.#spare.push(...fds)
      return
    }
    this.#piece = bytes
    this.#pieceFds = fds
    this.#pieceFdsLost = fdsLost
    if (bytes.byteLength === 0) this.#attachFds()
  }

  /** The next message, whole; the refusal of one whose size cannot be; or nothing until more is pushed. */
  next(): ArrivedMessage | Rejection | undefined {
    if (this.#piece.byteLength === 0) return undefined
    const header = this.#header()
    if (header === undefined) return undefined
    const most = maxMessageSize(this.#limits)
    if (header.size < Header.size || header.size > most) return this.#break(header, most)
    const bytes = this.#heldLength === 0 ? this.#whole(header.size) : this.#joined(header.size)
    if (bytes === undefined) return undefined
    const message = { bytes, fds: this.#fds, fdsLost: this.#fdsLost }
    this.#fds = none
    this.#fdsLost = false
    return message
  }

  /** Descriptors that belong to no message, or to one with too many: they are the caller's to close. */
  takeSpareFds(): readonly number[] {
    if (this.#spare.length === 0) return none
    const spare = this.#spare
    this.#spare = []
    return spare
  }

  /** The connection ended: what is held is dropped, and its descriptors are spare. */
  end(): void {
    this.#attachFds()
    this.#drop()
  }

  /** The header of the message in hand, from what is held and what the piece adds. */
  #header(): MessageHeader | undefined {
    if (this.#heldLength === 0 && this.#piece.byteLength >= Header.size) return decodeHeader(this.#piece)
    return this.#fill(Header.size) ? decodeHeader(this.#held) : undefined
  }

  /** A message that lies whole in the piece: no copy. */
  #whole(size: number): Uint8Array | undefined {
    if (this.#piece.byteLength < size) {
      this.#fill(size)
      return undefined
    }
    const bytes = this.#piece.subarray(0, size)
    this.#consume(size)
    return bytes
  }

  /** A message that began in an earlier piece. Its memory goes with it. */
  #joined(size: number): Uint8Array | undefined {
    if (!this.#fill(size)) return undefined
    const bytes = this.#held.subarray(0, size)
    this.#held = nothing
    this.#heldLength = 0
    return bytes
  }

  /** Moves bytes from the piece to what is held, up to `size`. Whether that many are held now. */
  #fill(size: number): boolean {
    const taken = Math.min(size - this.#heldLength, this.#piece.byteLength)
    if (taken <= 0) return this.#heldLength >= size
    const length = this.#heldLength + taken
    this.#reserve(length, size)
    this.#held.set(this.#piece.subarray(0, taken), this.#heldLength)
    this.#heldLength = length
    this.#consume(taken)
    return length >= size
  }

  /** Room for `length` bytes: twice that, so that growing costs little, but no more than the message takes. */
  #reserve(length: number, size: number): void {
    if (length <= this.#held.byteLength) return
    const grown = new Uint8Array(
      Math.max(length, Math.min(Math.max(2 * length, leastStep), Math.max(size, Header.size))),
    )
    grown.set(this.#held.subarray(0, this.#heldLength))
    this.#held = grown
  }

  #consume(length: number): void {
    this.#piece = this.#piece.subarray(length)
    if (this.#piece.byteLength === 0) this.#attachFds()
  }

  /** The piece is at its end: its descriptors are those of the message in hand. */
  #attachFds(): void {
    if (this.#pieceFds.length === 0 && !this.#pieceFdsLost) return
    const room = (this.#limits ?? limitsBeforeVersion).maxMessageFds - this.#fds.length
    const taken = this.#pieceFds.slice(0, Math.max(0, room))
    const over = this.#pieceFds.slice(taken.length)
    this.#fds = [...this.#fds, ...taken]
    this.#spare.push(...over)
    this.#fdsLost ||= over.length > 0 || this.#pieceFdsLost
    this.#pieceFds = none
    this.#pieceFdsLost = false
  }

  #break(header: MessageHeader, most: number): Rejection {
    this.#broken = true
    this.end()
    const problem = new Problem('size', `a message of ${header.size} bytes, at most ${most}`)
    return reject(header, problem, this.#limits !== undefined)
  }

  #drop(): void {
    this.#spare.push(...this.#fds)
    this.#fds = none
    this.#fdsLost = false
    this.#piece = nothing
    this.#held = nothing
    this.#heldLength = 0
  }
}
