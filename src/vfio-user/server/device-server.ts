// Offers one device to one client after the other. When a client is gone, however it went, the device is quiet before the
// first byte of that client's memory is, and only then is the next one let in.
import type { UnixListener } from '../../linux/unix-listener.js'
import type { PeerCredentials, SocketWatch, UnixSocket } from '../../linux/unix-socket.js'
import type { Request } from '../messages/message.js'
import { answerVersion, type Offer } from '../messages/negotiate.js'
import { Problem } from '../messages/problem.js'
import type { ArrivedFds } from '../transport/arrived-fds.js'
import { Channel } from '../transport/channel.js'
import { answerRequest } from './answer-request.js'
import type { ServedDevice } from './served-device.js'
import type { ServerEvent, ServerEventListener } from './server-event.js'
import { Session } from './session.js'

const mebibyte = 1 << 20

export interface DeviceServerOptions {
  readonly onEvent?: ServerEventListener
  /** Who may connect; the user of this process, and root, if not given. */
  readonly allow?: (peer: PeerCredentials) => boolean
  /** How long a client may leave a message half sent, or a reply unread; milliseconds. */
  readonly stallTimeoutMs?: number
  /** The most that one message carries, in bytes; 1 MiB if not given. */
  readonly maxDataTransfer?: number
  readonly maxDmaMaps?: number
}

/** What a message takes beside its data. */
const overhead = 4096

const sameUserOrRoot = ({ uid }: PeerCredentials): boolean => uid === 0 || uid === process.geteuid?.()

export class DeviceServer implements AsyncDisposable {
  readonly #device: ServedDevice
  readonly #options: DeviceServerOptions
  readonly #offer: Offer
  #listener: UnixListener | undefined
  #watch: SocketWatch | undefined
  #session: Session | undefined
  #ending: Promise<void> | undefined
  #receivedBefore = 0
  #isClosed = false

  constructor(device: ServedDevice, options: DeviceServerOptions = {}) {
    this.#device = device
    this.#options = options
    const pageSize = 4096
    this.#offer = {
      maxMessageFds: 16,
      maxDataTransfer: options.maxDataTransfer ?? mebibyte,
      maxDmaMaps: options.maxDmaMaps ?? 65535,
      pageSizes: BigInt(pageSize),
      writeMultiple: true,
      ...(device.migration === undefined ? {} : { migrationPageSize: pageSize }),
    }
  }

  /** The longest message that is sent at once. */
  get sendSize(): number {
    return this.#offer.maxDataTransfer + overhead
  }

  /** Whether there is a client, or what one left is being cleared up. */
  get isOccupied(): boolean {
    return this.#session !== undefined
  }

  /** Messages that came, from all clients so far. */
  get received(): number {
    return this.#receivedBefore + (this.#session?.channel.received ?? 0)
  }

  /** Takes clients from `listener`, which it closes in the end. */
  listen(listener: UnixListener): void {
    this.#listener = listener
    this.#welcome()
  }

  /** Takes one client that is connected already. */
  serve(socket: UnixSocket): void {
    const peer = socket.peer()
    const allow = this.#options.allow ?? sameUserOrRoot
    if (this.#isClosed || this.#session !== undefined || !allow(peer)) {
      socket[Symbol.dispose]()
      this.#report({ kind: 'turned-away', peer })
      return
    }
    this.#report({ kind: 'connected', peer })
    const channel: Channel = new Channel(socket, {
      side: 'server',
      stallTimeoutMs: this.#options.stallTimeoutMs ?? 30_000,
      onRequest: (request, fds) => this.#onRequest(request, fds),
      onRejected: ({ command, errno, reason, detail }) =>
        this.#report({ kind: 'refused', command: `command ${command}`, errno, reason: `${reason}: ${detail}` }),
      onClosed: (reason) => {
        this.#ending = this.#end(reason)
      },
    })
    const session = new Session(this.#device, channel, (event) => this.#report(event))
    this.#session = session
    this.#device.connect?.(session)
  }

  /** Ends the client's time, leaves the device quiet, and takes no other client. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#watch?.close()
    this.#watch = undefined
    this.#listener?.[Symbol.dispose]()
    this.#session?.channel.close('the server ends')
    await this.#ending
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #onRequest(request: Request, fds: ArrivedFds): void | Promise<void> {
    const session = this.#session
    if (session === undefined) return
    if (request.command === 'VERSION') return this.#negotiate(request, session)
    const later = answerRequest(request, session, fds)
    if (later === undefined) return
    session.underWay = later
    return later
  }

  #negotiate(request: Extract<Request, { command: 'VERSION' }>, { channel }: Session): void {
    const agreement = answerVersion(request.payload, this.#offer)
    const { id, command } = request
    if (agreement instanceof Problem) {
      const { errno, detail } = agreement
      this.#report({ kind: 'refused', command, errno, reason: detail })
      channel.send({ kind: 'error', id, command, errno })
      channel.close(`no agreement: ${detail}`)
      return
    }
    channel.send({ kind: 'reply', id, command, fds: 0, payload: agreement.reply })
    channel.agree(agreement.terms)
    this.#report({ kind: 'agreed', terms: agreement.terms })
  }

  async #end(reason: string): Promise<void> {
    this.#report({ kind: 'disconnected', reason })
    const failure = await this.#session?.end()
    this.#receivedBefore = this.received
    this.#session = undefined
    this.#report({ kind: 'released', failure })
    this.#welcome()
  }

  /** Waits for the next client. While there is one, others wait in the listener's queue. */
  #welcome(): void {
    if (this.#isClosed || this.#listener === undefined || this.#session !== undefined) return
    this.#watch ??= this.#listener.watch(() => {
      const socket = this.#listener?.accept(this.sendSize)
      if (socket === undefined) return
      this.serve(socket)
      if (this.#session === undefined) return
      this.#watch?.close()
      this.#watch = undefined
    })
  }

  #report(event: ServerEvent): void {
    this.#options.onEvent?.(event)
  }
}
