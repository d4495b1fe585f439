// The client's end of a connection: synchronous calls, and the server's accesses to our memory meanwhile.

import type { ErrorCode } from '../../errors/quiesce-error.js'
import { QuiesceError } from '../../errors/quiesce-error.js'
import { describeErrno, errnoName } from '../../linux/errno.js'
import type { UnixSocket } from '../../linux/unix-socket.js'
import type { CommandName, ReplyPayload, RequestPayload } from '../messages/commands.js'
import type { Request } from '../messages/message.js'
import { acceptVersion, type Offer, proposeVersion } from '../messages/negotiate.js'
import { Problem } from '../messages/problem.js'
import type { Terms } from '../messages/terms.js'
import type { ArrivedFds } from '../transport/arrived-fds.js'
import { Channel } from '../transport/channel.js'
import type { CallOutcome } from '../transport/pending-calls.js'

/** How long an access may take before the server counts as hung. */
const answerTimeoutMs = 5_000
const stallTimeoutMs = 30_000
const faulted = 14 // EFAULT

const offer: Offer = {
  maxMessageFds: 16,
  maxDataTransfer: 1 << 20,
  maxDmaMaps: 65535,
  pageSizes: 4096n,
  writeMultiple: false,
}

/** The longest message that this side sends. */
export const clientSendSize = offer.maxDataTransfer + 4096

/** What the server may reach of this process. */
export interface OwnMemory {
  /** False: it may not. */
  read(address: bigint, into: Uint8Array): boolean
  write(address: bigint, from: Uint8Array): boolean
}

export interface Refused {
  readonly code: ErrorCode
  readonly action: string
}

export class ClientConnection implements Disposable {
  readonly address: string
  readonly terms: Terms
  /** Set once there is some. */
  memory: OwnMemory | undefined
  readonly #channel: Channel

  /** Takes over the socket. @throws QuiesceError `PROTOCOL` if there is no agreement */
  constructor(socket: UnixSocket, address: string) {
    this.address = address
    this.#channel = new Channel(socket, {
      side: 'client',
      stallTimeoutMs,
      onRequest: (request) => this.#serve(request),
      onClosed: () => {},
    })
    try {
      const outcome = this.#channel.callNow('VERSION', proposeVersion(offer), { timeoutMs: answerTimeoutMs })
      if (!outcome.ok)
        throw this.#failure({ code: 'PROTOCOL', action: `agree on a version with ${address}` }, outcome.errno)
      // A twin socket was not asked for.
      outcome.fds[Symbol.dispose]()
      const terms = acceptVersion(outcome.payload, offer)
      if (terms instanceof Problem) {
        throw new QuiesceError('PROTOCOL', `Cannot agree on a version with ${address}: ${terms.detail}`)
      }
      this.#channel.agree(terms)
      this.terms = terms
    } catch (error) {
      this.#channel.close('there is no agreement')
      throw error
    }
  }

  /** The server has closed it, broke the protocol or did not answer, or this side closed it. */
  get isClosed(): boolean {
    return this.#channel.isClosed
  }

  /**
   * Asks and waits, blocking this thread.
   * @throws QuiesceError with the code of `refused` if the server refuses
   */
  ask<N extends CommandName>(
    command: N,
    payload: RequestPayload<N>,
    refused: Refused,
    fds: readonly number[] = [],
  ): { readonly payload: ReplyPayload<N>; readonly fds: ArrivedFds } {
    const outcome = this.try(command, payload, fds)
    if (!outcome.ok) throw this.#failure(refused, outcome.errno)
    return outcome
  }

  /** As `ask`, of what may be refused. */
  try<N extends CommandName>(command: N, payload: RequestPayload<N>, fds: readonly number[] = []): CallOutcome<N> {
    return this.#channel.callNow(command, payload, { timeoutMs: answerTimeoutMs, fds })
  }

  /** Asks, and leaves the event loop free. */
  later<N extends CommandName>(command: N, payload: RequestPayload<N>, timeoutMs: number): Promise<CallOutcome<N>> {
    return this.#channel.call(command, payload, { timeoutMs })
  }

  [Symbol.dispose](): void {
    this.#channel.close('this side closed it')
  }

  #failure({ code, action }: Refused, errno: number): QuiesceError {
    const name = errnoName(errno)
    return new QuiesceError(code, `Cannot ${action}: the server answered ${name} (${describeErrno(errno)})`, {
      device: this.address,
      errno,
      errnoName: name,
    })
  }

  #serve(request: Request): void {
    const { id, command, noReply } = request
    if (request.command === 'DMA_READ') {
      const { address, count } = request.payload
      const data = new Uint8Array(Number(count))
      if (this.memory?.read(address, data) === true) {
        this.#channel.send({ kind: 'reply', id, command: 'DMA_READ', fds: 0, payload: { address, count, data } })
        return
      }
    } else if (request.command === 'DMA_WRITE') {
      const { address, count, data } = request.payload
      if (this.memory?.write(address, data) === true) {
        if (noReply) return
        this.#channel.send({ kind: 'reply', id, command: 'DMA_WRITE', fds: 0, payload: { address, count } })
        return
      }
    }
    if (!noReply) this.#channel.send({ kind: 'error', id, command, errno: faulted })
  }
}
