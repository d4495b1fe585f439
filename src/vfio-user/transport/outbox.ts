// What is to be sent and does not fit into the socket yet. The message that is being sent lies in the socket's own buffer
// and is sent from there, piece by piece, without being copied again; the others wait as bytes.
import type { UnixSocket } from '../../linux/unix-socket.js'

interface Waiting {
  readonly bytes: Uint8Array
  readonly fds: readonly number[]
}

const nothing: readonly number[] = []

export class Outbox {
  readonly #socket: UnixSocket
  readonly #waiting: Waiting[] = []
  /** Of the first that waits: what was moved into the socket's buffer. */
  #moved = 0
  /** Of the socket's buffer: what is to be sent next. */
  #from = 0
  #end = 0
  /** Go with the next byte. */
  #fds = nothing

  constructor(socket: UnixSocket) {
    this.#socket = socket
  }

  get isEmpty(): boolean {
    return this.#from === this.#end && this.#waiting.length === 0
  }

  /** Room for a message of this size that can be sent without a copy; undefined where it has to wait its turn. */
  directRoom(size: number): Uint8Array | undefined {
    const room = this.#socket.sendBuffer
    return this.isEmpty && size <= room.byteLength ? room : undefined
  }

  /** Sends what was made in `directRoom`. False: the other side is gone. */
  sendDirect(size: number, fds: readonly number[]): boolean {
    this.#from = 0
    this.#end = size
    this.#fds = fds
    return this.flush() >= 0
  }

  add(bytes: Uint8Array, fds: readonly number[]): void {
    this.#waiting.push({ bytes, fds })
  }

  /** Sends as much as fits. How many bytes went, or -1 where the other side is gone. */
  flush(): number {
    let total = 0
    while (this.#from < this.#end || this.#refill()) {
      const sent = this.#socket.send(this.#from, this.#end - this.#from, this.#fds)
      if (sent.kind === 'closed') return -1
      if (sent.kind === 'full') break
      total += sent.bytes
      this.#from += sent.bytes
      // Descriptors travel with the first byte.
      this.#fds = nothing
      if (this.#from < this.#end) break
    }
    return total
  }

  /** Moves the next of what waits into the socket's buffer. Whether there was anything. */
  #refill(): boolean {
    const first = this.#waiting[0]
    if (first === undefined) return false
    const room = this.#socket.sendBuffer
    const part = first.bytes.subarray(this.#moved, this.#moved + room.byteLength)
    room.set(part)
    this.#from = 0
    this.#end = part.byteLength
    this.#fds = this.#moved === 0 ? first.fds : nothing
    this.#moved += part.byteLength
    if (this.#moved === first.bytes.byteLength) {
      this.#waiting.shift()
      this.#moved = 0
    }
    return true
  }
}
