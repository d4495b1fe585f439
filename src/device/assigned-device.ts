// A PCI function as a guest sees it, in the process of its VMM. It stands between the guest's accesses and a
// PhysicalFunction, and knows neither the kernel nor the VMM but by their ports.
//
// Invariant: nothing that the guest does throws. What fails reads as all ones or vanishes, as on a bus, and is an event.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { AccessWidth } from '../function/config-space.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import type { ResetPolicy } from '../reset/policy.js'
import type { ResetReport } from '../reset/report.js'
import { DeviceEvents, type ReportedDeviceEvent, reasonOf } from './device-event.js'
import { assembleDevice, type DeviceParts } from './device-parts.js'
import { type DevicePolicy, defaultDevicePolicy } from './device-policy.js'
import { DeviceResets } from './device-resets.js'
import { isUsable, resetState } from './device-state.js'
import { type DeviceInspection, inspectDevice } from './inspect-device.js'
import { MemoryKeeper, type MemoryMember, type MemoryProblem } from './memory/memory-keeper.js'
import { barSharing } from './memory/share-bar.js'
import { containIfStillMapped, outOfStep, putInQuarantine } from './quarantine.js'
import type { Vmm } from './vmm.js'

/** A device of the same owner, as its function or as what it is assigned as. */
export type Companion = PhysicalFunction | AssignedDevice

export interface AssignedDeviceOptions {
  readonly policy?: Partial<DevicePolicy>
  /** How a reset is done, by the guest or by the owner. With `requireReset` only a clean device is used again. */
  readonly resetPolicy?: Partial<ResetPolicy>
  /**
   * What a hot reset may take along. Assigned devices among them are reset with it, as their guest sees it. As a
   * function it is asked anew for every reset, since companions are opened one after the other.
   */
  readonly companions?: readonly Companion[] | (() => readonly Companion[])
  readonly onEvent?: (event: ReportedDeviceEvent) => void
}

export class AssignedDevice implements AsyncDisposable {
  readonly #fn: PhysicalFunction
  readonly #events: DeviceEvents
  readonly #member: MemoryMember
  readonly #memory: MemoryKeeper
  readonly #parts: DeviceParts
  readonly #resets: DeviceResets
  #closed: Promise<void> | undefined

  /**
   * Takes a function over for a guest: off the bus until the guest enables it, with all of the guest's memory mapped. If
   * this throws, the function is still the caller's, though it may be off the bus.
   * @throws QuiesceError `UNSUPPORTED` if no guest could use it, `USAGE` if the policy does not fit it, it is assigned
   * already, or it shares an address space with a device of another guest, `CONFIG_ACCESS` if it does not answer;
   * `DMA_CONFLICT`, `MEMLOCK`, `UNSUPPORTED` or `SYSTEM` if the guest's memory cannot be mapped
   */
  static open(fn: PhysicalFunction, vmm: Vmm, options: AssignedDeviceOptions = {}): AssignedDevice {
    return new AssignedDevice(fn, vmm, options)
  }

  private constructor(fn: PhysicalFunction, vmm: Vmm, options: AssignedDeviceOptions) {
    if (DeviceResets.of(fn) !== undefined) {
      throw new QuiesceError('USAGE', `Cannot assign ${fn.address}: it is assigned already`, { device: fn.address })
    }
    const policy = { ...defaultDevicePolicy, ...options.policy }
    this.#fn = fn
    this.#events = new DeviceEvents(fn.clock, options.onEvent)
    this.#member = {
      address: fn.address,
      dma: fn.dma,
      peerToPeer: policy.peerToPeer,
      isContained: () => this.#parts.state.contained,
      outOfStep: (problem) => this.#memoryOutOfStep(problem),
    }
    const member = this.#member
    const share = policy.peerToPeer ? barSharing(member, (area) => keeper.share(area), this.#events) : undefined
    // It is off the bus after this, and the guest cannot let it on before all of its memory is mapped.
    this.#parts = assembleDevice(fn, vmm, policy, this.#events, {
      resetByGuest: () => this.#resetByGuest(),
      wasReset: () => this.#registersWereReset(),
      share,
    })
    let keeper: MemoryKeeper
    try {
      keeper = MemoryKeeper.join(vmm.memory, member)
    } catch (error) {
      this.#parts.interrupts.close()
      throw error
    }
    this.#memory = keeper
    const { companions = [], resetPolicy = {} } = options
    this.#resets = new DeviceResets({
      fn,
      parts: this.#parts,
      keeper,
      member,
      events: this.#events,
      policy: resetPolicy,
      companions: typeof companions === 'function' ? companions : () => companions,
    })
    this.#resets.register(this)
    this.#listen('err', 'device-error')
    this.#listen('req', 'release-requested')
    this.#parts.interrupts.sync()
  }

  get address(): string {
    return this.#fn.address
  }

  /** Whether the guest reaches the device: it is not in a reset, not kept quiet, not closed. */
  get isUsable(): boolean {
    return isUsable(this.#parts.state)
  }

  /** The guest reads config space: 1, 2 or 4 bytes anywhere. All ones where nothing answers. */
  readConfig(offset: number, width: AccessWidth): number {
    return this.#parts.config.read(offset, width)
  }

  /** The guest writes config space: 1, 2 or 4 bytes anywhere. */
  writeConfig(offset: number, width: AccessWidth, value: number): void {
    this.#parts.config.write(offset, width, value)
  }

  /**
   * Resets the device with the machine: to be awaited before the guest runs again. After a reset that the guest made
   * itself, if one is going on. A whole machine is reset by `resetAssignedDevices`.
   * @throws QuiesceError `CLOSED` if it is closed
   */
  reset(): Promise<ResetReport> {
    if (this.#closed !== undefined) {
      const message = `Cannot reset ${this.address}: it is closed`
      return Promise.reject(new QuiesceError('CLOSED', message, { device: this.address }))
    }
    return this.#resets.enqueue('owner')
  }

  /** Resolves once no reset is going on. */
  settled(): Promise<void> {
    return this.#resets.settled()
  }

  /** The whole state as a plain tree, for people and for tests. */
  inspect(): DeviceInspection {
    return inspectDevice(this.#fn, this.#parts, this.#memory)
  }

  /**
   * Takes the device back: off the bus, out of the guest, interrupts off, without memory, and then released. A reset that
   * is going on is cut short. Idempotent. Rejects with the first failure, once everything was tried.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#resets.abort()
    await this.#resets.settled()
    // Not before: a hot reset that takes it along has to find it. What follows does not wait until it is off the bus.
    this.#resets.unregister(this)
    const { bars, command, interrupts, state } = this.#parts
    const reachable = state.quarantine?.stuck !== true
    state.phase = 'closed'
    const failures: unknown[] = []
    const steps: readonly (() => void | PromiseLike<void>)[] = [
      () => {
        if (reachable) command.masterNoMore()
      },
      () => bars.withdraw(),
      () => {
        if (reachable) command.decodeNoMore()
      },
      () => interrupts.close(),
      () => this.#memory.leave(this.#member),
      () => disposeFunction(this.#fn),
      () => this.#memory.released(),
    ]
    for (const step of steps) {
      try {
        await step()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  #resetByGuest(): void {
    // What goes wrong in it is an event; there is nobody here to be told.
    this.#resets.enqueue('guest').catch(() => {})
  }

  /** D3hot to D0: the device has reset itself, and the kernel has restored what the guest no longer has. */
  #registersWereReset(): void {
    const { bars, interrupts, state, shape, command } = this.#parts
    resetState(state, shape)
    bars.apply()
    command.restore()
    interrupts.sync()
  }

  /**
   * A device that does not reach all of the guest's memory loses what it writes and fails in what it reads, behind the
   * back of a driver that was told nothing; and one that reaches more than it must not go on at all. So it is taken away,
   * which its driver does notice, until a reset finds it in step again.
   */
  #memoryOutOfStep(problem: MemoryProblem): void {
    const { state } = this.#parts
    this.#events.report({ kind: 'memory-not-mapped', reason: reasonOf(problem.error) })
    // The end of a reset looks for itself.
    if (state.phase !== 'live') return
    const isNew = state.quarantine === undefined
    const reason = outOfStep(problem.error)
    if (isNew) putInQuarantine(this.#parts, reason)
    containIfStillMapped(this.#fn, state, problem)
    if (isNew) this.#events.report({ kind: 'quarantined', reason })
  }

  #listen(kind: 'err' | 'req', event: 'device-error' | 'release-requested'): void {
    const { interrupts } = this.#fn
    if (interrupts.info(kind).count === 0) return
    try {
      // It ends with the function.
      const signal = (): void => {
        if (this.#closed === undefined) this.#events.report({ kind: event })
      }
      interrupts.enable(kind, [{ signal }])
    } catch (error) {
      this.#events.report({ kind: 'interrupts-failed', reason: reasonOf(error) })
    }
  }
}

/** Without blocking the event loop, where the function can be closed so. */
async function disposeFunction(fn: PhysicalFunction & Partial<AsyncDisposable>): Promise<void> {
  const disposeAsync = fn[Symbol.asyncDispose]
  if (disposeAsync === undefined) fn[Symbol.dispose]()
  else await disposeAsync.call(fn)
}
