// Devices whose file a client gets, to map BARs from. With it the client can do to the device whatever this process can, and it
// may have kept it, or a mapping, when it is gone. The kernel tells nobody who has a file; but it lets a device be opened
// again only after the last close of the one that was handed out (a group's file is held by its devices' files, and a
// character device is bound once). So between clients the devices are closed and opened: that they open is the proof.
import { setTimeout as wait } from 'node:timers/promises'
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { DeviceGroup } from './device-group.js'
import { ForwardingDevice } from './forwarding-device.js'
import type { ServedDevice, ServedRegion } from './served-device.js'

/** What an opener hands over: open devices, the same ones in the same order each time. */
export interface OpenedDevices {
  readonly devices: readonly ServedDevice[]
  /** Closes all of them. Afterwards none reaches memory, whoever has its file. */
  close(): Promise<void>
}

export interface ReopenedDevicesOptions {
  /** That of the devices, where there are several. */
  readonly group?: DeviceGroup
  /** All were closed, and opened in so many milliseconds. */
  readonly onReopened?: (ms: number) => void
  /** How long a client that is gone may take to close what it has, in milliseconds. */
  readonly patienceMs?: number
}

/** A process that ends closes its files one after the other, the socket not last. */
const defaultPatienceMs = 2_000
/** Between two tries. */
const pauseMs = 50

export class ReopenedDevices implements AsyncDisposable {
  readonly #devices: readonly ReopenedDevice[]
  readonly #open: () => Promise<OpenedDevices>
  readonly #options: ReopenedDevicesOptions
  /** Undefined while they are closed. */
  #opened: OpenedDevices | undefined
  /** A client has a file of theirs, or had one. */
  #isGiven = false
  #reopening: Promise<void> | undefined

  private constructor(open: () => Promise<OpenedDevices>, opened: OpenedDevices, options: ReopenedDevicesOptions) {
    this.#open = open
    this.#options = options
    this.#opened = opened
    this.#devices = opened.devices.map((device) => {
      const { name } = device
      const give = (): void => {
        this.#isGiven = true
      }
      return new ReopenedDevice(device, {
        give,
        isOpen: () => this.#opened !== undefined,
        mustBeReclaimed: () => this.#mustBeReclaimed(name),
        reclaim: () => this.#reclaim(name),
      })
    })
  }

  /** Opens them for the first time. @throws whatever `open` does */
  static async open(
    open: () => Promise<OpenedDevices>,
    options: ReopenedDevicesOptions = {},
  ): Promise<ReopenedDevices> {
    return new ReopenedDevices(open, await open(), options)
  }

  /** To be served: they stay the same when what is behind them is opened anew. */
  get devices(): readonly ServedDevice[] {
    return this.#devices
  }

  /** Closes them for good. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Whoever asked for it was told what became of it.
    await this.#reopening?.catch(() => {})
    await this.#close()
  }

  async #close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await opened?.close()
  }

  /** As long as another of them is in use, it is by the VMM that has the files anyway. */
  #mustBeReclaimed(name: string): boolean {
    return this.#opened === undefined || (this.#isGiven && !this.#options.group?.isUsedBeside(name))
  }

  async #reclaim(name: string): Promise<void> {
    if (!this.#mustBeReclaimed(name)) return
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined
    })
    await this.#reopening
  }

  async #reopen(): Promise<void> {
    const { onReopened, patienceMs = defaultPatienceMs } = this.#options
    const began = performance.now()
    await this.#close()
    const opened = await this.#openWithin(patienceMs)
    this.#opened = opened
    for (const [index, device] of this.#devices.entries()) device.use(opened.devices[index])
    this.#isGiven = false
    onReopened?.(performance.now() - began)
  }

  async #openWithin(patienceMs: number): Promise<OpenedDevices> {
    const end = performance.now() + patienceMs
    for (;;) {
      try {
        return await this.#open()
      } catch (error) {
        if (!isBusy(error)) throw error
        if (performance.now() >= end) throw kept(error)
      }
      await wait(pauseMs)
    }
  }
}

const isBusy = (error: unknown): error is QuiesceError => error instanceof QuiesceError && error.code === 'BUSY'

function kept(cause: QuiesceError): QuiesceError {
  const { device = 'the device' } = cause
  return new QuiesceError(
    'BUSY',
    `Cannot take ${device} back: its file is still open elsewhere, most likely with the VMM that had it last`,
    { device, cause, hint: 'End that process (ls -l /proc/*/fd and /proc/*/maps name vfio-device or /dev/vfio)' },
  )
}

/** What one of them needs of all of them. */
interface Owner {
  isOpen(): boolean
  /** A client gets its file. */
  give(): void
  mustBeReclaimed(): boolean
  reclaim(): Promise<void>
}

class ReopenedDevice extends ForwardingDevice {
  readonly #owner: Owner
  #regions: readonly (ServedRegion | undefined)[]

  constructor(inner: ServedDevice, owner: Owner) {
    super(inner)
    this.#owner = owner
    this.#regions = this.#watched(inner)
  }

  /** It was opened anew. */
  use(inner: ServedDevice | undefined): void {
    if (inner === undefined) throw new Error(`${this.name} is not among the devices that were opened anew`)
    this.inner = inner
    this.#regions = this.#watched(inner)
  }

  override get regions(): readonly (ServedRegion | undefined)[] {
    return this.#regions
  }

  override get mustBeReclaimed(): boolean {
    return this.#owner.mustBeReclaimed()
  }

  override reclaim(): Promise<void> {
    return this.#owner.reclaim()
  }

  override async quiesce(): Promise<void> {
    // What is closed is quiet, and reaches no memory. It is reset once it is opened.
    if (this.#owner.isOpen()) await super.quiesce()
  }

  #watched({ regions }: ServedDevice): readonly (ServedRegion | undefined)[] {
    const give = (): void => this.#owner.give()
    return regions.map((region) => {
      if (region?.file === undefined) return region
      return {
        ...region,
        get file() {
          give()
          return region.file
        },
      }
    })
  }
}
