// A device with a thread of its own: what blocks it, a slow reset or a busy client, delays no other. The device is made in
// the thread, by a function of a module, because hardware cannot be handed from thread to thread.
import { Worker } from 'node:worker_threads'
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { DeviceServerOptions } from './device-server.js'
import type { ServedDevice } from './served-device.js'
import type { ServerEvent, ServerEventListener } from './server-event.js'

/** What a device's module exports, under any name. `data` is what `DeviceThread.start` was given. */
export type DeviceMaker = (data: unknown, onEvent: ServerEventListener) => MadeDevice | Promise<MadeDevice>

export interface MadeDevice {
  readonly device: ServedDevice
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
  readonly at: ServedAt
  readonly server?: Omit<DeviceServerOptions, 'onEvent' | 'allow'>
  readonly onEvent?: ServerEventListener
}

/** What goes to the thread, and what comes back. */
export interface ThreadData {
  readonly module: string
  readonly maker: string
  readonly data: unknown
  readonly at: ServedAt
  readonly server: Omit<DeviceServerOptions, 'onEvent' | 'allow'>
}
export type FromThread =
  | { readonly kind: 'listening' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'event'; readonly event: ServerEvent }

export class DeviceThread implements AsyncDisposable {
  readonly #worker: Worker
  readonly #ended: Promise<void>

  private constructor(worker: Worker) {
    this.#worker = worker
    this.#ended = new Promise((resolve) => worker.once('exit', () => resolve()))
  }

  /** Settles once clients can connect. @throws QuiesceError `SYSTEM` if the device or the socket cannot be made */
  static async start(options: DeviceThreadOptions): Promise<DeviceThread> {
    const { module, maker, data, at, server = {}, onEvent } = options
    const workerData: ThreadData = { module: module.href, maker, data, at, server }
    // Without the parent's options: a test runner's or a debugger's would be loaded in every thread.
    const worker = new Worker(new URL('./device-thread-worker.js', import.meta.url), { workerData, execArgv: [] })
    const thread = new DeviceThread(worker)
    await new Promise<void>((resolve, reject) => {
      const fail = (reason: string, cause?: unknown) => {
        // Whatever the device has begun would keep its thread alive.
        void worker.terminate()
        reject(new QuiesceError('SYSTEM', `Cannot serve a device: ${reason}`, { cause }))
      }
      worker.on('message', (message: FromThread) => {
        if (message.kind === 'event') onEvent?.(message.event)
        else if (message.kind === 'listening') resolve()
        else fail(message.reason)
      })
      worker.on('error', (error) => fail(error.message, error))
      worker.on('exit', () => fail('its thread ended'))
    })
    return thread
  }

  /** Ends the client's time, leaves the device quiet, and ends the thread. */
  async close(): Promise<void> {
    this.#worker.postMessage('close')
    await this.#ended
  }

  /** Settles when the thread has ended, whoever ended it. */
  get ended(): Promise<void> {
    return this.#ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
