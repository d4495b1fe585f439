// Devices whose file a client gets, to map BARs from. With it the client can do to the device whatever this process can, and it
// may have kept it, or a mapping, when it is gone. The kernel tells nobody who has a file; but it lets a device be opened
// again only after the last close of the one that was handed out: a group's file is held by its devices' files, or, with an
// iommufd for a container, the group is not viable as long as one of them has it; and a character device is bound once. So between clients the devices are closed and opened: that they open shows that nobody has
// a file. Then they are reset once more, because until then somebody may have done something to them.
import { setTimeout as wait } from 'node:timers/promises'
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { DeviceGroup } from './device-group.js'
import { ForwardingDevice } from './forwarding-device.js'
import type { ServedDevice, ServedRegion } from './served-device.js'

/** What an opener hands over: open devices, the same ones in the same order each time. */
export interface OpenedDevices {
  readonly devices: readonly ServedDevice[]
  /** Closes all of them. Afterwards none reaches memory, whoever has its file. Waits for resets that are under way. */
  close(): Promise<void>
}

export interface ReopenedDevicesOptions {
  /** That of the devices, where there are several. */
  readonly group?: DeviceGroup
  /** All were closed, and opened in so many milliseconds. */
  readonly onReopened?: (ms: number) => void
  /** How long a client that is gone may take to close what it has, and the kernel to close a device, in milliseconds. */
  readonly patienceMs?: number
}

/** A process that ends closes its files one after the other, the socket not last. The kernel resets what it closes. */
const defaultPatienceMs = 2_000
/** Between two tries; each may open, and so reset, some of several devices before it fails at another. */
const pauseMs = { first: 50, most: 400 } as const

export class ReopenedDevices implements AsyncDisposable {
  readonly #devices: readonly ReopenedDevice[]
  readonly #open: () => Promise<OpenedDevices>
  readonly #options: ReopenedDevicesOptions
  /** Undefined while they are closed. */
  #opened: OpenedDevices | undefined
  /** A client has a file of theirs, or had one. */
  #isGiven = false
  #reopening: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #isDisposed = false

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
        mustReopen: () => this.#mustReopen(name),
        reopen: () => this.#reopenWhereDue(name),
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
    this.#isDisposed = true
    // Whoever asked for it was told what became of it.
    await this.#reopening?.catch(() => {})
    await this.#close()
  }

  #close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    this.#closing ??= opened?.close().finally(() => {
      this.#closing = undefined
    })
    return this.#closing ?? Promise.resolve()
  }

  /** As long as another of them is in use, it is by the VMM that has the files anyway. */
  #mustReopen(name: string): boolean {
    if (this.#opened === undefined || this.#reopening !== undefined) return true
    return this.#isGiven && !this.#options.group?.isUsedBeside(name)
  }

  async #reopenWhereDue(name: string): Promise<void> {
    if (!this.#mustReopen(name)) return
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined
    })
    await this.#reopening
  }

  async #reopen(): Promise<void> {
    const { onReopened, patienceMs = defaultPatienceMs } = this.#options
    const began = performance.now()
    await this.#closeWithin(patienceMs)
    const opened = await this.#openWithin(patienceMs)
    this.#opened = opened
    this.#isGiven = false
    for (const [index, device] of this.#devices.entries()) device.use(opened.devices[index])
    onReopened?.(performance.now() - began)
    // What fails is kept by the device itself.
    await Promise.allSettled(this.#devices.map((device) => device.quiesce()))
  }

  async #closeWithin(patienceMs: number): Promise<void> {
    const enough = new AbortController()
    const late = wait(patienceMs, 'late', { signal: enough.signal }).catch(() => 'late')
    try {
      if ((await Promise.race([this.#close(), late])) === 'late') {
        throw new QuiesceError(
          'BUSY',
          `Cannot take ${this.#names} back: closing it waits for a reset that has not ended`,
        )
      }
    } finally {
      enough.abort()
    }
  }

  async #openWithin(patienceMs: number): Promise<OpenedDevices> {
    const end = performance.now() + patienceMs
    for (let pause: number = pauseMs.first; ; pause = Math.min(2 * pause, pauseMs.most)) {
      if (this.#isDisposed) throw new QuiesceError('CLOSED', `Cannot open ${this.#names}: it is served no longer`)
      try {
        return await this.#open()
      } catch (error) {
        if (!isHeld(error)) throw error
        if (performance.now() >= end) throw kept(error)
      }
      await wait(pause)
    }
  }

  get #names(): string {
    return this.#devices.map(({ name }) => name).join(' and ')
  }
}

/** What the kernel says, by its ways, while somebody has a file of a device that could be opened before. */
const isHeld = (error: unknown): error is QuiesceError =>
  error instanceof QuiesceError &&
  (error.code === 'BUSY' ||
    error.code === 'GROUP_NOT_VIABLE' ||
    // A device of the group is bound to an iommufd that is ours no more. That interrupts are isolated is known.
    error.errnoName === 'EPERM')

function kept(cause: QuiesceError): QuiesceError {
  const { device = 'the device' } = cause
  const why = 'its file is still open elsewhere, most likely with the VMM that had it last'
  return new QuiesceError('BUSY', `Cannot take ${device} back: ${why} (${cause.message})`, {
    device,
    cause,
    hint: 'End that process (ls -l /proc/*/fd and /proc/*/maps name vfio-device or /dev/vfio)',
  })
}

/** What one of them needs of all of them. */
interface Owner {
  isOpen(): boolean
  /** A client gets its file. */
  give(): void
  mustReopen(): boolean
  /** Where it must be. */
  reopen(): Promise<void>
}

class ReopenedDevice extends ForwardingDevice {
  readonly #owner: Owner
  #regions: readonly (ServedRegion | undefined)[]
  /** Why it was not left quiet, by the last try. */
  #failure: Error | undefined

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
    return this.#failure !== undefined || this.#owner.mustReopen()
  }

  override async reclaim(): Promise<void> {
    const before = this.#failure
    await this.#owner.reopen()
    if (this.#failure === undefined) return
    if (this.#failure !== before) throw this.#failure
    await this.quiesce()
  }

  override async quiesce(): Promise<void> {
    // What is closed reaches no memory. It is reset once it is opened.
    if (!this.#owner.isOpen()) return
    try {
      await super.quiesce()
      this.#failure = undefined
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error))
      throw this.#failure
    }
  }

  #watched({ regions }: ServedDevice): readonly (ServedRegion | undefined)[] {
    return regions.map((region) => (region?.file === undefined ? region : watched(region, () => this.#owner.give())))
  }
}

/** The region, and `give` is called whenever its file is asked for. */
function watched(region: ServedRegion, give: () => void): ServedRegion {
  return {
    size: region.size,
    readable: region.readable,
    writable: region.writable,
    ...(region.mappable === undefined ? {} : { mappable: region.mappable }),
    ...(region.eventfds === undefined ? {} : { eventfds: region.eventfds }),
    get file() {
      give()
      return region.file
    },
    read: (offset, into) => region.read(offset, into),
    write: (offset, from) => region.write(offset, from),
  }
}
