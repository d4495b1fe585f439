// Offers one device to one client after the other. When a client is gone, however it went, the device is quiet before the
// first byte of that client's memory is, and only then is the next one let in.
import { readFileSync } from 'node:fs'
import type { DescriptorWatch } from '../../linux/descriptor-watch.js'
import type { UnixListener } from '../../linux/unix-listener.js'
import type { PeerCredentials, UnixSocket } from '../../linux/unix-socket.js'
import type { Request } from '../messages/message.js'
import { answerVersion, type Offer } from '../messages/negotiate.js'
import { Problem } from '../messages/problem.js'
import type { ArrivedFds } from '../transport/arrived-fds.js'
import { Channel } from '../transport/channel.js'
import { refusalOf } from './answer.js'
import { answerRequest } from './answer-request.js'
import type { ClientGate } from './client-gate.js'
import { limitEvents } from './limited-events.js'
import type { ServedDevice } from './served-device.js'
import type { ServerEventListener } from './server-event.js'
import { Session } from './session.js'

const mebibyte = 1 << 20

export interface DeviceServerOptions {
  readonly onEvent?: ServerEventListener
  /** Who may connect; the user of this process, and root, if not given. */
  readonly allow?: (peer: PeerCredentials) => boolean
  /** Users who may connect beside these, by number. */
  readonly allowUsers?: readonly number[]
  /** Whom of them the device takes, and when. */
  readonly gate?: ClientGate
  /** How long a client may leave a message half sent, a reply unread, or VERSION unsaid; milliseconds. */
  readonly stallTimeoutMs?: number
  /** The most that one message carries, in bytes; 1 MiB if not given. */
  readonly maxDataTransfer?: number
  /** Most mappings of one client; a quarter of the areas that an address space may have (vm.max_map_count), if not given. */
  readonly maxDmaMaps?: number
}

/** What a message takes beside its data. */
const overhead = 4096

const defaultStallMs = 30_000

/** Until the next try, where a client could not be accepted: this process has no descriptor left, or no memory. */
const acceptAgainMs = 1_000

/** Each may take an area of this process's address space, and with none left the process ends. */
function defaultDmaMaps(): number {
  try {
    return Math.min(65535, Math.floor(Number(readFileSync('/proc/sys/vm/max_map_count', 'utf8')) / 4) || 16_382)
  } catch {
    return 16_382
  }
}

const sameUserOrRoot = ({ uid }: PeerCredentials): boolean => uid === 0 || uid === process.geteuid?.()

export class DeviceServer implements AsyncDisposable {
  readonly #device: ServedDevice
  readonly #options: DeviceServerOptions
  readonly #offer: Offer
  readonly #report: ServerEventListener
  #listener: UnixListener | undefined
  #watch: DescriptorWatch | undefined
  #session: Session | undefined
  #ending: Promise<void> | undefined
  #receivedBefore = 0
  #isClosed = false
  /** Why the device is not fit for another client. */
  #unfit: string | undefined
  #isTrying = false
  #acceptAgain: NodeJS.Timeout | undefined
  #greeting: NodeJS.Timeout | undefined

  constructor(device: ServedDevice, options: DeviceServerOptions = {}) {
    this.#device = device
    this.#options = options
    this.#report = limitEvents(options.onEvent)
    const pageSize = 4096
    this.#offer = {
      maxMessageFds: 16,
      maxDataTransfer: options.maxDataTransfer ?? mebibyte,
      maxDmaMaps: options.maxDmaMaps ?? defaultDmaMaps(),
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
    return this.#session !== undefined || this.#isTrying
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
    const refusal = this.#whyNot(peer)
    if (refusal !== undefined) {
      socket[Symbol.dispose]()
      this.#report({ kind: 'turned-away', peer, reason: refusal })
      return
    }
    if (this.#unfit === undefined && this.#device.mustBeReclaimed !== true) this.#begin(socket, peer)
    else this.#ending = this.#tryAgain(socket, peer)
  }

  #begin(socket: UnixSocket, peer: PeerCredentials): void {
    let channel: Channel
    try {
      channel = this.#open(socket)
    } catch (error) {
      this.#turnAway(socket, peer, refusalOf(error).reason)
      return
    }
    this.#report({ kind: 'connected', peer })
    // Whoever says nothing at all keeps everybody else from the device.
    const giveUp = () => {
      if (channel.terms === undefined) channel.close('it did not say VERSION')
    }
    this.#greeting = setTimeout(giveUp, this.#options.stallTimeoutMs ?? defaultStallMs)
    try {
      this.#session = new Session(this.#device, channel, this.#report)
      this.#device.connect?.(this.#session)
    } catch (error) {
      const { errno, reason } = refusalOf(error)
      this.#report({ kind: 'refused', command: 'connect', errno, reason })
      channel.close(`the device takes no client: ${reason}`)
    }
  }

  #open(socket: UnixSocket): Channel {
    return new Channel(socket, {
      side: 'server',
      stallTimeoutMs: this.#options.stallTimeoutMs ?? defaultStallMs,
      onRequest: (request, fds) => this.#onRequest(request, fds),
      onRejected: ({ command, errno, reason, detail }) =>
        this.#report({ kind: 'refused', command: `command ${command}`, errno, reason: `${reason}: ${detail}` }),
      onClosed: (reason) => {
        this.#ending = this.#end(reason)
      },
    })
  }

  /** One that the gate has let in. */
  #turnAway(socket: UnixSocket, peer: PeerCredentials, reason: string): void {
    socket[Symbol.dispose]()
    this.#options.gate?.left()
    this.#report({ kind: 'turned-away', peer, reason })
    this.#welcome()
  }

  /** The device was not quiet, or not as the policy wants it, or not all ours, when its last client was gone. Now somebody waits for it. */
  async #tryAgain(socket: UnixSocket, peer: PeerCredentials): Promise<void> {
    const { gate } = this.#options
    this.#isTrying = true
    gate?.hold()
    try {
      if (this.#unfit !== undefined) await this.#device.quiesce()
      await this.#device.reclaim?.()
      this.#unfit = undefined
    } catch (error) {
      this.#unfit = refusalOf(error).reason
    }
    this.#isTrying = false
    const reason = this.#isClosed ? 'it is served no longer' : this.#unfit
    if (reason === undefined) {
      gate?.settled()
      this.#begin(socket, peer)
      return
    }
    this.#turnAway(socket, peer, reason)
  }

  /** Ends the client's time, leaves the device quiet, and takes no other client. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#unwatch()
    clearTimeout(this.#acceptAgain)
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
    clearTimeout(this.#greeting)
    this.#report({ kind: 'agreed', terms: agreement.terms })
  }

  #whyNot(peer: PeerCredentials): string | undefined {
    const { allow = sameUserOrRoot, allowUsers = [], gate } = this.#options
    if (!allow(peer) && !allowUsers.includes(peer.uid)) return `user ${peer.uid} may not use it`
    if (this.#isClosed) return 'it is served no longer'
    if (this.isOccupied) return 'it has a client'
    if (gate?.busy !== undefined) return 'a device that shares something with it is being seen to'
    return gate?.enter(peer)
  }

  async #end(reason: string): Promise<void> {
    const { gate } = this.#options
    clearTimeout(this.#greeting)
    gate?.hold()
    this.#report({ kind: 'disconnected', reason })
    const failure = (await this.#session?.end()) ?? (await this.#reclaim())
    this.#receivedBefore = this.received
    this.#session = undefined
    this.#unfit = failure
    gate?.left()
    this.#report({ kind: 'released', failure })
    this.#welcome()
  }

  /** What was not possible, if anything. At the end of all serving the device is closed anyway. */
  async #reclaim(): Promise<string | undefined> {
    if (this.#isClosed) return undefined
    try {
      await this.#device.reclaim?.()
      return undefined
    } catch (error) {
      return refusalOf(error).reason
    }
  }

  /** Waits for the next client. While there is one, others wait in the listener's queue. */
  #welcome(): void {
    if (this.#isClosed || this.#listener === undefined || this.isOccupied || this.#acceptAgain !== undefined) return
    const { gate } = this.#options
    this.#watch ??= this.#listener.watch(() => {
      if (gate === undefined) this.#accept()
      else {
        this.#unwatch()
        // What this thread is told in the same breath comes first: that the VMM before this one is gone.
        setImmediate(() => void this.#acceptWhenFree(gate))
      }
    })
  }

  async #acceptWhenFree(gate: ClientGate): Promise<void> {
    for (let { busy } = gate; busy !== undefined; { busy } = gate) await busy
    if (this.#isClosed || this.isOccupied) return
    this.#accept()
    this.#welcome()
  }

  #accept(): void {
    try {
      const socket = this.#listener?.accept(this.sendSize)
      if (socket === undefined) return
      this.serve(socket)
    } catch (error) {
      const { errno, reason } = refusalOf(error)
      this.#report({ kind: 'refused', command: 'accept', errno, reason })
      this.#unwatch()
      this.#acceptAgain = setTimeout(() => {
        this.#acceptAgain = undefined
        this.#welcome()
      }, acceptAgainMs)
    }
    if (this.isOccupied) this.#unwatch()
  }

  #unwatch(): void {
    this.#watch?.close()
    this.#watch = undefined
  }
}
