// One connection, from either side: messages out, messages in, replies to whoever waits for them, requests to one handler.
//
// Requests take effect in the order in which they came: while one is not finished, or its reply is not sent, those that
// follow wait, as many as there is room for. Replies never wait: a handler may call the other side and await its answer,
// and two sides that both have much to send do not wait for each other.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { DescriptorWatch } from '../../linux/descriptor-watch.js'
import { closeDescriptors, type UnixSocket } from '../../linux/unix-socket.js'
import type { CommandName, RequestPayload, Side } from '../messages/commands.js'
import { type ArrivedMessage, decodeMessage } from '../messages/decode-message.js'
import { encodeMessage, encodeRejection, messageSize } from '../messages/encode-message.js'
import { isReply } from '../messages/header.js'
import type { Message, Request } from '../messages/message.js'
import { MessageSplitter } from '../messages/message-splitter.js'
import type { Rejection } from '../messages/rejection.js'
import type { Terms } from '../messages/terms.js'
import { ArrivedFds } from './arrived-fds.js'
import { Outbox } from './outbox.js'
import { type CallOutcome, PendingCalls } from './pending-calls.js'
import { RequestQueue } from './request-queue.js'
import { StallClock } from './stall-clock.js'

/** Messages that are dealt with before everything else in this thread gets its turn. */
const batch = 256

export interface ChannelOptions {
  readonly side: Side
  /** Deals with a request, and answers it by `send`. Nothing may be thrown. */
  onRequest(request: Request, fds: ArrivedFds): void | Promise<void>
  /** A message was refused; its sender has been told where it wants to be. */
  onRejected?(rejection: Rejection): void
  /** Once, when the connection is over, whoever ended it. */
  onClosed(reason: string): void
  /** How long the other side may leave a message half sent, or a reply unread, before it counts as hung; milliseconds. */
  readonly stallTimeoutMs: number
}

export class Channel implements Disposable {
  readonly #socket: UnixSocket
  readonly #options: ChannelOptions
  readonly #splitter = new MessageSplitter()
  readonly #outbox: Outbox
  readonly #calls = new PendingCalls()
  readonly #queue = new RequestQueue()
  #terms: Terms | undefined
  #watch: DescriptorWatch | undefined
  #watched = 0
  #again: NodeJS.Immediate | undefined
  readonly #unread: StallClock
  readonly #unfinished: StallClock
  #sentBytes = 0
  #receivedBytes = 0
  #isBusy = false
  /** The last read took all there was. What has come since makes the socket readable, and is read then. */
  #isDrained = false
  #isClosed = false
  /** Messages that came, of every kind. */
  received = 0

  constructor(socket: UnixSocket, options: ChannelOptions) {
    this.#socket = socket
    this.#options = options
    this.#outbox = new Outbox(socket)
    const { stallTimeoutMs } = options
    const giveUp = () => this.close(`the other side stalled for ${stallTimeoutMs} ms`)
    this.#unread = new StallClock(stallTimeoutMs, () => this.#sentBytes, giveUp)
    this.#unfinished = new StallClock(stallTimeoutMs, () => this.#receivedBytes, giveUp)
    this.#rewatch()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get terms(): Terms | undefined {
    return this.#terms
  }

  /** VERSION was answered. */
  agree(terms: Terms): void {
    this.#terms = terms
    this.#splitter.setLimits(terms)
  }

  /** Sends a message, now or as soon as the other side reads. Data in it may be reused once this returns. */
  send(message: Message, fds: readonly number[] = []): void {
    if (this.#isClosed) return
    const size = messageSize(message)
    const room = this.#outbox.directRoom(size)
    if (room === undefined) this.#outbox.add(encodeMessage(message), fds)
    else {
      encodeMessage(message, room)
      if (!this.#outbox.sendDirect(size, fds)) this.close('the other side is gone')
    }
    if (!this.#outbox.isEmpty) this.#rewatch()
  }

  /**
   * Asks the other side and waits for its answer.
   * @throws QuiesceError `CLOSED` if the connection ends first, `PROTOCOL` if the answer is none, or does not come in time:
   * the connection is then over
   */
  call<N extends CommandName>(
    command: N,
    payload: RequestPayload<N>,
    { timeoutMs, fds = [] }: { readonly timeoutMs: number; readonly fds?: readonly number[] },
  ): Promise<CallOutcome<N>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(command, timeoutMs), timeoutMs)
      const finish = (outcome: CallOutcome<N>) => {
        clearTimeout(timer)
        resolve(outcome)
      }
      const fail = (error: QuiesceError) => {
        clearTimeout(timer)
        reject(error)
      }
      this.#ask(command, payload, fds, finish, fail)
    })
  }

  /** As `call`, but blocks this thread; requests of the other side are served meanwhile. */
  callNow<N extends CommandName>(
    command: N,
    payload: RequestPayload<N>,
    { timeoutMs, fds = [] }: { readonly timeoutMs: number; readonly fds?: readonly number[] },
  ): CallOutcome<N> {
    let outcome: CallOutcome<N> | undefined
    let failure: QuiesceError | undefined
    const end = performance.now() + timeoutMs
    this.#ask(
      command,
      payload,
      fds,
      (settled) => {
        outcome = settled
      },
      (error) => {
        failure = error
      },
    )
    while (outcome === undefined && failure === undefined) {
      const left = end - performance.now()
      if (left <= 0) this.#giveUp(command, timeoutMs)
      else if (this.#again !== undefined || this.#wait(left)) this.pump()
    }
    if (outcome === undefined) throw failure
    return outcome
  }

  /** Does what can be done without waiting. */
  pump(): void {
    if (this.#isClosed) return
    clearImmediate(this.#again)
    this.#again = undefined
    if (!this.#outbox.isEmpty) {
      const flushed = this.#outbox.flush()
      if (flushed < 0) {
        this.close('the other side is gone')
        return
      }
      this.#sentBytes += flushed
    }
    this.#isDrained = false
    let left = batch
    while (left-- > 0 && this.#step());
    if (this.#isClosed) return
    if (left < 0) {
      // Not only for fairness: what was read already does not make the socket readable.
      this.#again = setImmediate(() => {
        this.#again = undefined
        this.pump()
      })
    }
    this.#rewatch()
  }

  /** Ends the connection. Idempotent. */
  close(reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearImmediate(this.#again)
    this.#unread.stop()
    this.#unfinished.stop()
    // The watch goes first: epoll must not be left with a number that may by then mean another file.
    this.#watch?.close()
    this.#splitter.end()
    closeDescriptors(this.#splitter.takeSpareFds())
    this.#queue.clear()
    this.#socket[Symbol.dispose]()
    this.#calls.failAll(reason)
    this.#options.onClosed(reason)
  }

  [Symbol.dispose](): void {
    this.close('it was closed')
  }

  #ask<N extends CommandName>(
    command: N,
    payload: RequestPayload<N>,
    fds: readonly number[],
    settle: (outcome: CallOutcome<N>) => void,
    fail: (error: QuiesceError) => void,
  ): void {
    if (this.#isClosed) {
      fail(new QuiesceError('CLOSED', `Cannot ask for ${command}: the connection is closed`))
      return
    }
    const id = this.#calls.nextId()
    const request = { kind: 'request', id, command, noReply: false, fds: fds.length, payload } as unknown as Request
    this.#calls.add(request, settle, fail)
    this.send(request, fds)
  }

  #giveUp(command: CommandName, timeoutMs: number): void {
    this.close(`${command} was not answered within ${timeoutMs} ms`)
  }

  /** What was read already does not make the socket readable. */
  #wait(timeoutMs: number): boolean {
    return this.#socket.wait({ readable: !this.#queue.isFull, writable: !this.#outbox.isEmpty }, timeoutMs)
  }

  /** A request is dealt with when the one before it is, and its reply is sent: replies that nobody reads do not pile up. */
  get #mayServe(): boolean {
    return !this.#isBusy && this.#outbox.isEmpty
  }

  /** Deals with one message: that waits, that was read, or of the next that are read. Whether there was anything. */
  #step(): boolean {
    if (this.#isClosed) return false
    if (!this.#queue.isEmpty && this.#mayServe) {
      const waited = this.#queue.take()
      if (waited !== undefined) this.#dispatch(waited)
      return true
    }
    if (this.#queue.isFull) return false
    const next = this.#splitter.next()
    if (next !== undefined) {
      this.received++
      if ('kind' in next) this.#refuse(next)
      else this.#take(next)
      return true
    }
    closeDescriptors(this.#splitter.takeSpareFds())
    if (this.#isDrained) return false
    const got = this.#socket.receive()
    if (got.kind === 'nothing') return false
    if (got.kind === 'closed') {
      this.close('the other side closed the connection')
      return false
    }
    this.#isDrained = got.isAll
    this.#receivedBytes += got.bytes.byteLength
    this.#splitter.push(got)
    return true
  }

  #take(arrived: ArrivedMessage): void {
    // Whoever awaits a reply reads it only after more has been received, into the same memory: it gets a copy.
    if (isReply(arrived.bytes)) this.#dispatch({ ...arrived, bytes: arrived.bytes.slice() })
    else if (this.#mayServe && this.#queue.isEmpty) this.#dispatch(arrived)
    else this.#queue.add(arrived)
  }

  #dispatch(arrived: ArrivedMessage): void {
    const fds = arrived.fds.length === 0 ? ArrivedFds.none : new ArrivedFds(arrived.fds)
    const message = decodeMessage(arrived, { side: this.#options.side, terms: this.#terms })
    if (message.kind === 'request') {
      const done = this.#options.onRequest(message, fds)
      if (done === undefined) fds[Symbol.dispose]()
      else void this.#untilDone(done, fds)
      return
    }
    if (message.kind === 'rejected') {
      fds[Symbol.dispose]()
      this.#refuse(message)
      return
    }
    // A reply's descriptors are whoever called's, if the reply to that call has any.
    const problem = this.#calls.settle(message, fds)
    if (problem !== undefined || message.kind === 'error' || message.fds === 0) fds[Symbol.dispose]()
  }

  async #untilDone(done: Promise<void>, fds: ArrivedFds): Promise<void> {
    this.#isBusy = true
    try {
      await done
    } finally {
      this.#isBusy = false
      fds[Symbol.dispose]()
      this.pump()
    }
  }

  #refuse(rejection: Rejection): void {
    closeDescriptors(this.#splitter.takeSpareFds())
    if (rejection.of === 'reply') this.#calls.refuse(rejection.id, rejection.detail)
    const answer = encodeRejection(rejection)
    if (answer !== undefined && !this.#isClosed) {
      const room = this.#outbox.directRoom(answer.byteLength)
      if (room === undefined) this.#outbox.add(answer, [])
      else {
        room.set(answer)
        this.#outbox.sendDirect(answer.byteLength, [])
      }
    }
    this.#options.onRejected?.(rejection)
    if (rejection.fatal) this.close(`a message cannot be understood: ${rejection.detail}`)
  }

  /** Watches the socket for what can be done next, and the clock for what should have been done. */
  #rewatch(): void {
    if (this.#isClosed) return
    const writable = !this.#outbox.isEmpty
    const readable = !this.#queue.isFull
    const wanted = (readable ? 1 : 0) + (writable ? 2 : 0)
    if (wanted !== this.#watched) {
      this.#watched = wanted
      this.#watch?.close()
      this.#watch = wanted === 0 ? undefined : this.#socket.watch({ readable, writable }, () => this.pump())
    }
    this.#unread.update(writable)
    // Where it is this side that does not read, the other cannot finish.
    this.#unfinished.update(readable && this.#splitter.heldBytes > 0)
  }
}
