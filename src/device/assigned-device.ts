// A PCI function as a guest sees it, in the process of its VMM. It stands between the guest's accesses and a
// PhysicalFunction, and knows neither the kernel nor the VMM but by their ports.
//
// Invariant: nothing that the guest does throws. What fails reads as all ones or vanishes, as on a bus, and is an event.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { AccessWidth } from '../function/config-space.js'
import type { PhysicalFunction } from '../function/physical-function.js'
import { Command } from '../pci/command.js'
import type { ResetPolicy } from '../reset/policy.js'
import type { ResetReport } from '../reset/report.js'
import { resetFunction } from '../reset/reset-function.js'
import { DeviceEvents, type ReportedDeviceEvent, reasonOf } from './device-event.js'
import { assembleDevice, type DeviceParts } from './device-parts.js'
import { type DevicePolicy, defaultDevicePolicy } from './device-policy.js'
import { isUsable, resetState } from './device-state.js'
import { type DeviceInspection, inspectDevice } from './inspect-device.js'
import { quarantineAfter } from './quarantine.js'
import type { Vmm } from './vmm.js'

export interface AssignedDeviceOptions {
  readonly policy?: Partial<DevicePolicy>
  /** How a reset is done, by the guest or by the owner. With `requireReset` only a clean device is used again. */
  readonly resetPolicy?: Partial<ResetPolicy>
  /** Open functions of the same owner, which a hot reset takes along. */
  readonly companions?: readonly PhysicalFunction[]
  readonly onEvent?: (event: ReportedDeviceEvent) => void
}

type ResetCause = 'guest' | 'owner'

const busMaster = Command.mask('busMaster')
const decoders = Command.mask('memorySpace', 'ioSpace')

export class AssignedDevice implements AsyncDisposable {
  readonly #fn: PhysicalFunction
  readonly #options: AssignedDeviceOptions
  readonly #events: DeviceEvents
  readonly #parts: DeviceParts
  readonly #closing = new AbortController()
  /** Ends when the last reset that was asked for has ended. */
  #resets: Promise<unknown> = Promise.resolve()
  #closed: Promise<void> | undefined

  /**
   * Takes a function over for a guest: off the bus until the guest enables it. If this throws, the function is still
   * the caller's.
   * @throws QuiesceError `UNSUPPORTED` if no guest could use it, `USAGE` if the policy does not fit it,
   * `CONFIG_ACCESS` if it does not answer
   */
  static open(fn: PhysicalFunction, vmm: Vmm, options: AssignedDeviceOptions = {}): AssignedDevice {
    return new AssignedDevice(fn, vmm, options)
  }

  private constructor(fn: PhysicalFunction, vmm: Vmm, options: AssignedDeviceOptions) {
    this.#fn = fn
    this.#options = options
    this.#events = new DeviceEvents(fn.clock, options.onEvent)
    this.#parts = assembleDevice(fn, vmm, { ...defaultDevicePolicy, ...options.policy }, this.#events, {
      resetByGuest: () => this.#resetByGuest(),
      wasReset: () => this.#registersWereReset(),
    })
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
   * itself, if one is going on.
   * @throws QuiesceError `CLOSED` if it is closed
   */
  reset(): Promise<ResetReport> {
    if (this.#closed !== undefined) {
      const message = `Cannot reset ${this.address}: it is closed`
      return Promise.reject(new QuiesceError('CLOSED', message, { device: this.address }))
    }
    return this.#enqueueReset('owner')
  }

  /** Resolves once no reset is going on. */
  async settled(): Promise<void> {
    await this.#resets
  }

  /** The whole state as a plain tree, for people and for tests. */
  inspect(): DeviceInspection {
    return inspectDevice(this.#fn, this.#parts)
  }

  /**
   * Takes the device back: off the bus, out of the guest, interrupts off, and then released. A reset that is going on is
   * cut short. Idempotent. Rejects with the first failure, once everything was tried.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#closing.abort(new QuiesceError('CLOSED', `Cannot go on: ${this.address} is closed`, { device: this.address }))
    await this.#resets
    const { bars, command, interrupts, state } = this.#parts
    const reachable = state.quarantine?.stuck !== true
    state.phase = 'closed'
    const failures: unknown[] = []
    const steps: readonly (() => void | PromiseLike<void>)[] = [
      () => {
        if (reachable) command.clear(busMaster)
      },
      () => bars.withdraw(),
      () => {
        if (reachable) command.clear(decoders)
      },
      () => interrupts.close(),
      () => this.#fn.interrupts.disable('err'),
      () => this.#fn.interrupts.disable('req'),
      () => disposeFunction(this.#fn),
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
    this.#enqueueReset('guest').catch(() => {})
  }

  #enqueueReset(cause: ResetCause): Promise<ResetReport> {
    // At once, not when its turn comes: the guest's next access must find nobody.
    this.#parts.state.phase = 'resetting'
    const reset = this.#resets.then(() => this.#reset(cause))
    this.#resets = reset.catch(() => {})
    return reset
  }

  async #reset(cause: ResetCause): Promise<ResetReport> {
    const { bars, interrupts, state, shape, command, power } = this.#parts
    state.phase = 'resetting'
    let report: ResetReport | undefined
    try {
      report = await resetFunction(this.#fn, {
        policy: this.#options.resetPolicy ?? {},
        companions: this.#options.companions ?? [],
        withdrawBars: () => bars.withdraw(),
        signal: this.#closing.signal,
      })
      return report
    } catch (error) {
      state.quarantine = { reason: `the reset failed: ${reasonOf(error)}`, stuck: false }
      throw error
    } finally {
      this.#withdrawBars()
      interrupts.forget()
      resetState(state, shape)
      if (report !== undefined) {
        state.lastReset = report
        state.contained ||= report.contained
        state.quarantine = quarantineAfter(report, state.contained)
      }
      const isClosing = this.#closing.signal.aborted
      state.phase = isClosing ? 'closed' : 'live'
      if (state.quarantine?.stuck !== true) power?.readState()
      if (isUsable(state)) {
        // Memory Space may have to be on in the hardware; and nothing else may.
        command.restore()
        interrupts.sync()
      }
      if (report !== undefined) this.#events.report({ kind: 'reset', cause, report })
      if (state.quarantine !== undefined) {
        this.#events.report({ kind: 'quarantined', reason: state.quarantine.reason })
      }
    }
  }

  /** D3hot to D0: the device has reset itself, and the kernel has restored what the guest no longer has. */
  #registersWereReset(): void {
    const { bars, interrupts, state, shape, command } = this.#parts
    resetState(state, shape)
    bars.apply()
    command.restore()
    interrupts.sync()
  }

  #withdrawBars(): void {
    try {
      this.#parts.bars.withdraw()
    } catch {
      // The procedure has tried it before, and its report says so.
    }
  }

  #listen(kind: 'err' | 'req', event: 'device-error' | 'release-requested'): void {
    const { interrupts } = this.#fn
    if (interrupts.info(kind).count === 0) return
    try {
      interrupts.enable(kind, [{ signal: () => this.#events.report({ kind: event }) }])
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
