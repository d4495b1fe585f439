// A physical function as a served device: the kernel's, a simulated one, or somebody else's. Its BARs, its interrupts and
// the client's memory are handed from one side to the other as descriptors wherever the function's maker can take them;
// Quiesce's reset stands behind DEVICE_RESET, behind the guest's own resets, and behind the end of every client.
import type { AccessWidth } from '../../function/config-space.js'
import type { InterruptInfo, InterruptKind } from '../../function/interrupts.js'
import type { KernelOutcome } from '../../function/kernel-outcome.js'
import type { PhysicalFunction } from '../../function/physical-function.js'
import { type Region, regionIndex } from '../../function/region.js'
import { headerOffset } from '../../pci/header.js'
import type { ResetPolicy } from '../../reset/policy.js'
import { refusalOf } from './answer.js'
import { DeviceGroup } from './device-group.js'
import { FlrWatch } from './flr-watch.js'
import { FunctionInterrupts } from './function-interrupts.js'
import { HardwareAccess } from './hardware-access.js'
import { limitEvents } from './limited-events.js'
import type { ClientMapping, ServedClient, ServedDevice, ServedRegion } from './served-device.js'
import { ServedResets } from './served-resets.js'
import type { ServerEventListener } from './server-event.js'

export interface PhysicalDeviceOptions {
  readonly resetPolicy?: Partial<ResetPolicy>
  /** Open functions of the same owner that are not served, and that a hot reset takes along. */
  readonly companions?: readonly PhysicalFunction[]
  /** The devices that share its address space or its bus, all of this thread; none if not given. */
  readonly group?: DeviceGroup
  readonly onEvent?: ServerEventListener
  /**
   * What a client gets when the hardware does not answer: all ones, as on a bus (the default), or the errno. Some clients
   * lose their place in the stream at an error.
   */
  readonly failedAccess?: 'all-ones' | 'errno'
  /**
   * Whether clients map BARs themselves (the default). The kernel has no file of a BAR alone: they get the device's own,
   * with which they can do to it whatever this process can, and may keep it after their time: `ReopenedDevices` finds out.
   * Without, every access is a message, and a client reaches nothing but what the server lets it.
   */
  readonly mapsRegions?: boolean
}

export class PhysicalDevice implements ServedDevice, Disposable {
  readonly name: string
  readonly regions: readonly (ServedRegion | undefined)[]
  /** Even where no method works: the procedure ends in a verdict, and the policy says what is good enough. */
  readonly canReset = true
  readonly unmaskInterruptBy: ServedDevice['unmaskInterruptBy']
  readonly #fn: PhysicalFunction
  readonly #onEvent: ServerEventListener
  readonly #access: HardwareAccess
  readonly #group: DeviceGroup
  readonly #resets: ServedResets
  readonly #interrupts: FunctionInterrupts
  #client: ServedClient | undefined

  /** Serves `fn`, which stays the caller's to dispose. */
  constructor(fn: PhysicalFunction, options: PhysicalDeviceOptions = {}) {
    this.name = fn.address
    this.#fn = fn
    const onEvent = limitEvents(options.onEvent)
    this.#onEvent = onEvent
    const { failedAccess = 'all-ones', group = new DeviceGroup() } = options
    this.#access = new HardwareAccess(failedAccess, (region, offset, reason) =>
      onEvent({ kind: 'access-failed', region, offset, reason }),
    )
    this.#group = group
    this.#interrupts = new FunctionInterrupts(fn.interrupts, (kind, vector) => this.#client?.signal(kind, vector))
    this.#resets = new ServedResets({
      fn,
      access: {
        close: (reason) => {
          this.#access.close(reason)
          this.#interrupts.hold()
        },
        open: () => {
          this.#access.open()
          this.#interrupts.release()
        },
      },
      group,
      policy: options.resetPolicy ?? {},
      companions: options.companions ?? [],
      onEvent,
      restoreInterrupts: () =>
        this.#interrupts.restore((kind, error) => {
          const { errno, reason } = refusalOf(error)
          onEvent({ kind: 'refused', command: `restore ${kind}`, errno, reason })
        }),
    })
    const config = this.#configRegion(new FlrWatch(fn.config))
    this.regions = Array.from({ length: regionIndex.vga + 1 }, (_, index) => {
      if (index === regionIndex.config) return config
      const region = fn.regions[index]
      if (region === undefined || region.size === 0n) return undefined
      return this.#barRegion(region, options.mapsRegions ?? true)
    })
    this.unmaskInterruptBy = fn.interrupts.canUnmaskByEventfd
      ? (kind, eventfd) => this.#interrupts.unmaskBy(kind, eventfd)
      : undefined
  }

  /** It is served no longer, and takes no part in what its group does. The function stays open. */
  [Symbol.dispose](): void {
    this.#group.leave(this.#resets)
  }

  interruptInfo(kind: InterruptKind): InterruptInfo {
    return this.#fn.interrupts.info(kind)
  }

  connect(client: ServedClient): void {
    // What the IOMMU would not let go of may be of another device's last client.
    this.#group.memory.dropUnheld()
    this.#resets.connect()
    this.#client = client
  }

  reset(): Promise<KernelOutcome> {
    return this.#resets.reset('client')
  }

  async quiesce(): Promise<void> {
    try {
      await this.#resets.quiesce()
      // What the IOMMU would not let go of when the client did: the next one must not reach it.
      this.#group.memory.dropUnheld()
    } finally {
      this.#client = undefined
    }
  }

  mapMemory(mapping: ClientMapping): void | Promise<void> {
    const { address, size, file } = mapping
    const { dma } = this.#fn
    if (file !== undefined && (dma.backings.has('fd') || mapping.memory() !== undefined)) {
      return this.#group.memory.map(dma, mapping)
    }
    this.#onEvent({ kind: 'memory-out-of-reach', address, size })
  }

  unmapMemory(mapping: ClientMapping): void {
    this.#group.memory.unmap(mapping)
  }

  setInterrupts(kind: InterruptKind, eventfds: readonly (number | undefined)[]): void {
    this.#interrupts.set(kind, eventfds)
  }

  maskInterrupt(kind: InterruptKind, vector: number, masked: boolean): void {
    this.#interrupts.mask(kind, vector, masked)
  }

  #configRegion(flr: FlrWatch): ServedRegion {
    const { config } = this.#fn
    const access = this.#access
    const { config: index } = regionIndex
    return {
      size: BigInt(config.size),
      readable: true,
      writable: true,
      read: (offset, into) =>
        access.read(index, offset, into, 4, (at, part) => {
          putNumber(part, config.read(Number(at), part.byteLength as AccessWidth))
        }),
      write: (offset, from) => {
        const asksForReset = flr.isAskedFor(Number(offset), from)
        // The bit never reaches the hardware: the kernel would run a reset of its own and restore Bus Master.
        const rest = asksForReset ? flr.without(Number(offset), from) : from
        access.write(index, offset, rest, 4, (at, part) => {
          const value = takeNumber(part)
          config.write(Number(at), part.byteLength as AccessWidth, value)
          if (Number(at) === headerOffset.command) this.#resets.commandWritten(value)
        })
        if (asksForReset && !this.#resets.isRunning) void this.#resets.reset('guest')
      },
    }
  }

  #barRegion(region: Region, isMapped: boolean): ServedRegion {
    const { index, size, readable, writable } = region
    const access = this.#access
    return {
      size,
      readable,
      writable,
      ...(isMapped ? { mappable: region.mappable, file: region.file } : {}),
      read: (offset, into) => access.read(index, offset, into, 8, (at, part) => region.read(at, part)),
      write: (offset, from) => access.write(index, offset, from, 8, (at, part) => region.write(at, part)),
    }
  }
}

function putNumber(into: Uint8Array, value: number): void {
  for (let each = 0; each < into.byteLength; each++) into[each] = (value >>> (8 * each)) & 0xff
}

function takeNumber(from: Uint8Array): number {
  let value = 0
  for (let each = 0; each < from.byteLength; each++) value += (from[each] ?? 0) * 2 ** (8 * each)
  return value
}
