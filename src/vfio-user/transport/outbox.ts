// What is to be sent and does not fit into the socket yet.
import type { UnixSocket } from '../../linux/unix-socket.js'

interface Waiting {
  readonly bytes: Uint8Array
  sent: number
  fds: readonly number[]
}

const nothing: readonly number[] = []

export class Outbox {
  readonly #socket: UnixSocket
  readonly #waiting: Waiting[] = []

  constructor(socket: UnixSocket) {
    this.#socket = socket
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Room for a message of this size that can be sent without a copy; undefined where it has to wait its turn. */
  directRoom(size: number): Uint8Array | undefined {
    const room = this.#socket.sendBuffer
    return this.isEmpty && size <= room.byteLength ? room : undefined
  }

  /** Sends what was made in `directRoom`. False: the other side is gone. */
  sendDirect(size: number, fds: readonly number[]): boolean {
    const sent = this.#socket.send(0, size, fds)
    if (sent.kind === 'closed') return false
    const bytes = sent.kind === 'full' ? 0 : sent.bytes
    if (bytes === size) return true
    const rest = this.#socket.sendBuffer.slice(bytes, size)
    // Descriptors travel with the first byte.
    this.#waiting.push({ bytes: rest, sent: 0, fds: bytes === 0 ? fds : nothing })
    return true
  }

  add(bytes: Uint8Array, fds: readonly number[]): void {
    this.#waiting.push({ bytes, sent: 0, fds })
  }

  /** Sends as much as fits. How many bytes went, or -1 where the other side is gone. */
  flush(): number {
    let total = 0
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const room = this.#socket.sendBuffer
      const part = first.bytes.subarray(first.sent, first.sent + room.byteLength)
      room.set(part)
      const sent = this.#socket.send(0, part.byteLength, first.fds)
      if (sent.kind === 'closed') return -1
      if (sent.kind === 'full') return total
      total += sent.bytes
      first.sent += sent.bytes
      first.fds = nothing
      if (first.sent === first.bytes.byteLength) this.#waiting.shift()
      else if (sent.bytes < part.byteLength) return total
    }
    return total
  }
}
