// Requests that came while an earlier one is not finished.
import { closeDescriptors } from '../../linux/unix-socket.js'
import type { ArrivedMessage } from '../messages/decode-message.js'

const mostMessages = 1024
const mostBytes = 4 << 20

export class RequestQueue {
  readonly #waiting: ArrivedMessage[] = []
  #bytes = 0

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** No more should be read from the socket. */
  get isFull(): boolean {
    return this.#waiting.length >= mostMessages || this.#bytes >= mostBytes
  }

  /** Keeps a copy: the message's bytes are those of the next read. */
  add({ bytes, fds, fdsLost }: ArrivedMessage): void {
    this.#waiting.push({ bytes: bytes.slice(), fds, fdsLost })
    this.#bytes += bytes.byteLength
  }

  take(): ArrivedMessage | undefined {
    const next = this.#waiting.shift()
    this.#bytes -= next?.bytes.byteLength ?? 0
    return next
  }

  clear(): void {
    for (let next = this.take(); next !== undefined; next = this.take()) closeDescriptors(next.fds)
  }
}
