// A physical function as a served device: the kernel's, a simulated one, or somebody else's. Its BARs, its interrupts and
// the client's memory are handed from one side to the other as descriptors wherever the function's maker can take them;
// Quiesce's reset stands behind DEVICE_RESET, behind the guest's own resets, and behind the end of every client.
import type { AccessWidth } from '../../function/config-space.js'
import type { DmaMapping } from '../../function/dma.js'
import {
  type InterruptDestination,
  type InterruptInfo,
  type InterruptKind,
  interruptKinds,
} from '../../function/interrupts.js'
import type { KernelOutcome } from '../../function/kernel-outcome.js'
import type { PhysicalFunction } from '../../function/physical-function.js'
import { type Region, regionIndex } from '../../function/region.js'
import type { ResetPolicy } from '../../reset/policy.js'
import type { ResetReport } from '../../reset/report.js'
import { resetFunction } from '../../reset/reset-function.js'
import { FlrWatch } from './flr-watch.js'
import { HardwareAccess } from './hardware-access.js'
import type { ClientMapping, ServedClient, ServedDevice, ServedRegion } from './served-device.js'
import type { ServerEventListener } from './server-event.js'

export interface PhysicalDeviceOptions {
  readonly resetPolicy?: Partial<ResetPolicy>
  /** Open functions of the same owner, which a hot reset takes along. */
  readonly companions?: readonly PhysicalFunction[]
  readonly onEvent?: ServerEventListener
  /**
   * What a client gets when the hardware does not answer: all ones, as on a bus (the default), or the errno. Some clients
   * lose their place in the stream at an error.
   */
  readonly failedAccess?: 'all-ones' | 'errno'
}

const guestKinds: ReadonlySet<InterruptKind> = new Set(['intx', 'msi', 'msix'])

export class PhysicalDevice implements ServedDevice {
  readonly name: string
  readonly regions: readonly (ServedRegion | undefined)[]
  /** Even where no method works: the procedure ends in a verdict, and the policy says what is good enough. */
  readonly canReset = true
  readonly unmaskInterruptBy: ServedDevice['unmaskInterruptBy']
  readonly #fn: PhysicalFunction
  readonly #options: PhysicalDeviceOptions
  readonly #access: HardwareAccess
  readonly #mappings = new Map<ClientMapping, DmaMapping | undefined>()
  readonly #destinations = new Map<InterruptKind, readonly (InterruptDestination | undefined)[]>()
  #client: ServedClient | undefined
  #resetting: Promise<KernelOutcome> | undefined
  #isContained = false

  /** Serves `fn`, which stays the caller's to dispose. */
  constructor(fn: PhysicalFunction, options: PhysicalDeviceOptions = {}) {
    this.name = fn.address
    this.#fn = fn
    this.#options = options
    const { onEvent, failedAccess = 'all-ones' } = options
    this.#access = new HardwareAccess(failedAccess, (region, offset, reason) =>
      onEvent?.({ kind: 'access-failed', region, offset, reason }),
    )
    const config = this.#configRegion(new FlrWatch(fn.config))
    this.regions = Array.from({ length: regionIndex.vga + 1 }, (_, index) => {
      if (index === regionIndex.config) return config
      const region = fn.regions[index]
      return region === undefined || region.size === 0n ? undefined : this.#barRegion(region)
    })
    const { interrupts } = fn
    this.unmaskInterruptBy = interrupts.canUnmaskByEventfd
      ? (kind, eventfd) => {
          if (this.#destinations.has(kind)) interrupts.unmaskBy(kind, eventfd)
        }
      : undefined
  }

  interruptInfo(kind: InterruptKind): InterruptInfo {
    return this.#fn.interrupts.info(kind)
  }

  connect(client: ServedClient): void {
    this.#client = client
  }

  reset(): Promise<KernelOutcome> {
    return this.#reset('client')
  }

  async quiesce(): Promise<void> {
    // What the guest began is brought to its end first.
    await this.#resetting
    await this.#run('disconnect')
    this.#client = undefined
  }

  mapMemory(mapping: ClientMapping): void {
    this.#mappings.set(mapping, this.#map(mapping))
  }

  unmapMemory(mapping: ClientMapping): void {
    this.#mappings.get(mapping)?.[Symbol.dispose]()
    this.#mappings.delete(mapping)
  }

  setInterrupts(kind: InterruptKind, eventfds: readonly (number | undefined)[]): void {
    const { interrupts } = this.#fn
    const before = this.#destinations.get(kind)
    const after = eventfds.map((eventfd, vector) => this.#destination(kind, vector, eventfd))
    if (after.length === 0) {
      interrupts.disable(kind)
      this.#destinations.delete(kind)
      return
    }
    if (before?.length !== after.length) interrupts.enable(kind, after)
    else {
      for (const [vector, destination] of after.entries()) {
        if (!isSame(before[vector], destination)) interrupts.retarget(kind, vector, destination)
      }
    }
    this.#destinations.set(kind, after)
  }

  maskInterrupt(kind: InterruptKind, vector: number, masked: boolean): void {
    const destination = this.#destinations.get(kind)?.[vector]
    if (destination === undefined) return
    const { interrupts } = this.#fn
    // A callback goes through the server, which keeps to the mask. An eventfd does not: it is taken away meanwhile.
    if ('eventfd' in destination) interrupts.retarget(kind, vector, masked ? undefined : destination)
    if (kind === 'intx' && !masked) interrupts.unmask(kind)
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
          config.write(Number(at), part.byteLength as AccessWidth, takeNumber(part))
        })
        if (asksForReset && this.#resetting === undefined) void this.#reset('guest')
      },
    }
  }

  #barRegion(region: Region): ServedRegion {
    const { index, size, readable, writable, mappable, file } = region
    const access = this.#access
    return {
      size,
      readable,
      writable,
      mappable,
      file,
      read: (offset, into) => access.read(index, offset, into, 8, (at, part) => region.read(at, part)),
      write: (offset, from) => access.write(index, offset, from, 8, (at, part) => region.write(at, part)),
    }
  }

  #destination(kind: InterruptKind, vector: number, eventfd: number | undefined): InterruptDestination | undefined {
    if (eventfd === undefined) return undefined
    // A simulator signals no eventfds: the server does.
    if (this.#fn.interrupts.canUnmaskByEventfd) return { eventfd }
    return { signal: () => void this.#client?.signal(kind, vector) }
  }

  #map(mapping: ClientMapping): DmaMapping | undefined {
    const { address, size, access, file } = mapping
    const { dma } = this.#fn
    if (file === undefined) {
      this.#options.onEvent?.({ kind: 'memory-out-of-reach', address, size })
      return undefined
    }
    if (dma.backings.has('fd')) return dma.mapBacking(address, size, file, access)
    const memory = mapping.memory()
    if (memory !== undefined) return dma.mapBacking(address, size, { memory, offset: 0n }, access)
    this.#options.onEvent?.({ kind: 'memory-out-of-reach', address, size })
    return undefined
  }

  async #reset(cause: 'client' | 'guest'): Promise<KernelOutcome> {
    const running = this.#resetting ?? this.#run(cause)
    this.#resetting = running
    try {
      return await running
    } finally {
      this.#resetting = undefined
    }
  }

  /** The procedure. Until it has ended in what the policy asks for, nothing that the client does reaches the hardware. */
  async #run(cause: 'client' | 'guest' | 'disconnect'): Promise<KernelOutcome> {
    const { resetPolicy, companions, onEvent } = this.#options
    this.#access.close('the device is being reset')
    let report: ResetReport
    try {
      report = await resetFunction(this.#fn, {
        ...(resetPolicy === undefined ? {} : { policy: resetPolicy }),
        ...(companions === undefined ? {} : { companions }),
      })
    } catch (error) {
      return { ok: false, errno: 'EIO', message: error instanceof Error ? error.message : String(error) }
    }
    onEvent?.({ kind: 'reset-report', cause, report })
    this.#isContained ||= report.contained
    if (!report.reusable) {
      const message = `the reset ended as ${report.verdict}`
      this.#access.close(message)
      return { ok: false, errno: 'EIO', message }
    }
    const readmitted = this.#readmit()
    if (!readmitted.ok) {
      this.#access.close(readmitted.message)
      return readmitted
    }
    this.#access.open()
    if (cause !== 'disconnect') this.#restoreInterrupts()
    return { ok: true }
  }

  /** A device that was contained and is clean again gets the client's memory back. */
  #readmit(): KernelOutcome {
    if (!this.#isContained) return { ok: true }
    const outcome = this.#fn.readmit()
    if (!outcome.ok) return outcome
    this.#isContained = false
    try {
      for (const mapping of [...this.#mappings.keys()]) {
        this.#mappings.get(mapping)?.[Symbol.dispose]()
        this.#mappings.set(mapping, this.#map(mapping))
      }
    } catch (error) {
      return { ok: false, errno: 'EIO', message: error instanceof Error ? error.message : String(error) }
    }
    return { ok: true }
  }

  /** The procedure turned off what a guest uses; to VFIO's clients a reset leaves interrupts set up. */
  #restoreInterrupts(): void {
    for (const kind of interruptKinds) {
      const destinations = this.#destinations.get(kind)
      if (!guestKinds.has(kind) || destinations === undefined) continue
      try {
        this.#fn.interrupts.enable(kind, destinations)
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        this.#options.onEvent?.({ kind: 'refused', command: `restore ${kind}`, errno: 5, reason })
      }
    }
  }
}

function isSame(one: InterruptDestination | undefined, other: InterruptDestination | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return 'eventfd' in one && 'eventfd' in other && one.eventfd === other.eventfd
}

function putNumber(into: Uint8Array, value: number): void {
  for (let each = 0; each < into.byteLength; each++) into[each] = (value >>> (8 * each)) & 0xff
}

function takeNumber(from: Uint8Array): number {
  let value = 0
  for (let each = 0; each < from.byteLength; each++) value += (from[each] ?? 0) * 2 ** (8 * each)
  return value
}
