// A device with a thread of its own: what blocks it, a slow reset or a busy client, delays no other. The device is made in
// the thread, by a function of a module, because hardware cannot be handed from thread to thread. Devices that share an
// address space or a bus share a thread, too.
import { Worker } from 'node:worker_threads'
import { type ErrorCode, type ErrorDetails, QuiesceError } from '../../errors/quiesce-error.js'
import type { ClientGate } from './client-gate.js'
import type { DeviceServerOptions } from './device-server.js'
import type { ServedDevice } from './served-device.js'
import type { ServerEvent } from './server-event.js'

/** Where several devices are made, `device` says which of them it is, by its place in the list. */
export type ThreadEventListener = (event: ServerEvent, device?: number) => void

/** One device, or as many as there are places to serve them at. */
export type MadeDevices = MadeDevice | readonly MadeDevice[]

/** What a device's module exports, under any name. `data` is what `DeviceThread.start` was given. */
export type DeviceMaker = (data: unknown, onEvent: ThreadEventListener) => MadeDevices | Promise<MadeDevices>

export interface MadeDevice {
  readonly device: ServedDevice
  /** Of devices that share something. */
  readonly gate?: ClientGate
  /** Figures of its own, for `DeviceThread.counts`. */
  counts?(): Readonly<Record<string, number>>
  /** Called when nothing is served any more. */
  close?(): void | Promise<void>
}

/** Where clients come from: a path, or a descriptor of this process that is listened on, which the thread takes over. */
export type ServedAt = { readonly path: string } | { readonly listener: number }

export interface DeviceThreadOptions {
  readonly module: URL
  /** The name under which the module exports a `DeviceMaker`. */
  readonly maker: string
  /** Anything that can be cloned. */
  readonly data?: unknown
  /** Several places, where the maker makes as many devices. */
  readonly at: ServedAt | readonly ServedAt[]
  readonly server?: ThreadServerOptions
  readonly onEvent?: ThreadEventListener
}

/** Functions do not cross to a thread. */
export type ThreadServerOptions = Omit<DeviceServerOptions, 'onEvent' | 'allow' | 'gate'>

/** What goes to the thread, and what comes back. */
export interface ThreadData {
  readonly module: string
  readonly maker: string
  readonly data: unknown
  readonly at: ServedAt | readonly ServedAt[]
  readonly server: ThreadServerOptions
}
export type ToThread = 'close' | 'count'
export type FromThread =
  | { readonly kind: 'listening' }
  | { readonly kind: 'failed'; readonly failure: ThreadFailure }
  | { readonly kind: 'event'; readonly event: ServerEvent; readonly device: number }
  | { readonly kind: 'counts'; readonly counts: readonly ThreadCounts[] }

/** An error as it crosses threads, where classes are lost. */
export interface ThreadFailure {
  readonly message: string
  /** Undefined where it was no `QuiesceError`. */
  readonly code?: ErrorCode | undefined
  readonly details?: Omit<ErrorDetails, 'cause'>
}

/** What has happened so far; more by what the device's maker counts. */
export interface ThreadCounts {
  /** Of all clients. */
  readonly messages: number
  readonly device: Readonly<Record<string, number>>
}

export class DeviceThread implements AsyncDisposable {
  readonly #worker: Worker
  readonly #ended: Promise<string | undefined>
  readonly #waiting: ((counts: readonly ThreadCounts[]) => void)[] = []
  #failure: string | undefined
  #isClosing = false

  private constructor(worker: Worker) {
    this.#worker = worker
    worker.on('error', (error) => {
      this.#failure = error instanceof Error ? error.message : String(error)
    })
    this.#ended = new Promise((resolve) =>
      worker.once('exit', () => {
        for (const settle of this.#waiting.splice(0)) settle([])
        resolve(this.#isClosing ? this.#failure : (this.#failure ?? 'its thread ended'))
      }),
    )
  }

  /**
   * Settles once clients can connect.
   * @throws QuiesceError as the device's maker or the socket does; `SYSTEM` if it is another error
   */
  static async start(options: DeviceThreadOptions): Promise<DeviceThread> {
    const { module, maker, data, at, server = {}, onEvent } = options
    const workerData: ThreadData = { module: module.href, maker, data, at, server }
    // Without the parent's options: a test runner's or a debugger's would be loaded in every thread.
    // Descriptors are closed by the C library, of which Node does not hear: at the thread's end it would close their
    // numbers once more, which by then may be another device's.
    const fds = { trackUnmanagedFds: false }
    const worker = new Worker(new URL('./device-thread-worker.js', import.meta.url), {
      workerData,
      execArgv: [],
      ...fds,
    })
    const thread = new DeviceThread(worker)
    await new Promise<void>((resolve, reject) => {
      const fail = (failure: ThreadFailure) => {
        // Whatever the device has begun would keep its thread alive.
        void worker.terminate()
        reject(asError(failure))
      }
      worker.on('message', (message: FromThread) => {
        if (message.kind === 'event') onEvent?.(message.event, message.device)
        else if (message.kind === 'counts') thread.#waiting.shift()?.(message.counts)
        else if (message.kind === 'listening') resolve()
        else fail(message.failure)
      })
      void thread.ended.then((message = 'its thread ended') => fail({ message }))
    })
    return thread
  }

  /** Ends the clients' time, leaves the devices quiet, and ends the thread. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#post('close')
    await this.#ended
  }

  /** Settles when the thread has ended: with the reason, where nobody asked it to, or it failed. */
  get ended(): Promise<string | undefined> {
    return this.#ended
  }

  /** Asks the thread of one of its devices. It answers when it has time; undefined if it ends first. */
  counts(device = 0): Promise<ThreadCounts | undefined> {
    return new Promise((resolve) => {
      this.#waiting.push((counts) => resolve(counts[device]))
      this.#post('count')
      void this.#ended.then(() => resolve(undefined))
    })
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function asError({ code, message, details = {} }: ThreadFailure): QuiesceError {
  return code === undefined
    ? new QuiesceError('SYSTEM', `Cannot serve a device: ${message}`)
    : new QuiesceError(code, message, details)
}

/** For the thread's side. */
export function threadFailure(error: unknown): ThreadFailure {
  if (!(error instanceof QuiesceError)) return { message: error instanceof Error ? error.message : String(error) }
  const { code, message, device, syscall, errno, errnoName, hint } = error
  const known = Object.entries({ device, syscall, errno, errnoName, hint }).filter(([, each]) => each !== undefined)
  return { code, message, details: Object.fromEntries(known) }
}
