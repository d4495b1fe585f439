// A socket as bare as it can be over the same FFI: one blocking recvmsg, one blocking sendmsg, no protocol and no copies.
import { libc } from '../../src/linux/libc.js'
import { MessageBuffers } from '../../src/linux/message-buffers.js'
import { socketCalls } from '../../src/linux/socket-calls.js'
import { socketConstant } from '../../src/linux/socket-constants.js'

const { AF_UNIX, SOCK_STREAM, SOCK_CLOEXEC, MSG_NOSIGNAL, MSG_CMSG_CLOEXEC } = socketConstant

export const headerSize = 16
/** Room for the longest message: 1 MiB of data and what is around it. */
const room = (1 << 20) + 4096
const none: readonly number[] = []

/** Two descriptors that are connected with each other, to be inherited by two processes. */
export function connectedPair(): readonly [number, number] {
  const pair = new Int32Array(2)
  // SAFETY: the kernel writes two numbers before the call returns.
  if (socketCalls().socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) throw failure('socketpair')
  const [one = -1, other = -1] = pair
  return [one, other]
}

const failure = (syscall: string) => new Error(`${syscall} failed with errno ${libc().errno()}`)

export class RawSocket {
  readonly #fd: number
  readonly #calls = socketCalls()
  readonly #incoming = new MessageBuffers(room)
  readonly #outgoing = new MessageBuffers(room)
  /** Where a message is made before it is sent, and where one is found that came. */
  readonly out: DataView
  readonly in: DataView

  constructor(fd: number) {
    this.#fd = fd
    const { data: into } = this.#incoming
    const { data: from } = this.#outgoing
    this.in = new DataView(into.buffer, into.byteOffset, into.byteLength)
    this.out = new DataView(from.buffer, from.byteOffset, from.byteLength)
  }

  /** Sends the first `length` bytes of `out`. */
  send(length: number, fds: readonly number[] = none): void {
    this.#outgoing.prepareToSend(0, length, fds)
    // SAFETY: the msghdr and what it points to is memory of `#outgoing`, which lives as long as this.
    const sent = Number(this.#calls.sendmsg(this.#fd, this.#outgoing.address, MSG_NOSIGNAL))
    if (sent !== length) throw failure('sendmsg')
  }

  /** Copies what came to where messages are made. */
  turnAround(length: number): void {
    this.#outgoing.data.set(this.#incoming.data.subarray(0, length))
  }

  /**
   * Receives one message, in as many pieces as it comes, each over the one before: what is measured is the way, and nobody
   * looks at the bytes. Its length; 0 once the other side is gone.
   */
  receive(): number {
    let held = this.#receivePiece()
    if (held < headerSize) return 0
    const size = this.in.getUint32(4, true)
    while (held < size) {
      const more = this.#receivePiece()
      if (more <= 0) return 0
      held += more
    }
    return held
  }

  /** Descriptors that came with the last piece. */
  takeDescriptors(): readonly number[] {
    return this.#incoming.hasControl ? this.#incoming.takeDescriptors().fds : none
  }

  #receivePiece(): number {
    this.#incoming.prepareToReceive()
    // SAFETY: as in `send`.
    return Number(this.#calls.recvmsg(this.#fd, this.#incoming.address, MSG_CMSG_CLOEXEC))
  }
}
