// Interrupts through VFIO_DEVICE_SET_IRQS: the kernel signals an eventfd per vector.
import { type ErrorCode, QuiesceError } from '../errors/quiesce-error.js'
import type { InterruptDestination, InterruptInfo, InterruptKind, Interrupts } from '../function/interrupts.js'
import { ioctlName, tryIoctl } from '../linux/ioctl.js'
import { systemCallError } from '../linux/system-call-error.js'
import { vfioIoctl } from './abi/ioctls.js'
import type { DeviceGate } from './device-gate.js'
import type { InterruptInfos } from './interrupt-info.js'
import { encodeIrqSet, type IrqSetRequest } from './irq-set.js'
import { disposeSignals, makeSignals, VectorSignal } from './vector-signal.js'

export class VfioInterrupts implements Interrupts {
  readonly canUnmaskByEventfd = true
  readonly #gate: DeviceGate
  readonly #infos: InterruptInfos
  /** What the vectors of each enabled kind signal. */
  readonly #enabled = new Map<InterruptKind, VectorSignal[]>()
  readonly #call: typeof tryIoctl
  #unmasksByEventfd = false

  /** @param call carries out the ioctl; replaced in tests */
  constructor(gate: DeviceGate, infos: InterruptInfos, call = tryIoctl) {
    this.#gate = gate
    this.#call = call
    this.#infos = infos
  }

  info(kind: InterruptKind): InterruptInfo {
    return this.#infos[kind]
  }

  enable(kind: InterruptKind, destinations: readonly (InterruptDestination | undefined)[]): void {
    const { count } = this.info(kind)
    if (destinations.length === 0 || destinations.length > count) {
      throw this.#refuse('USAGE', `enable ${destinations.length} ${kind} vectors`, `it has ${count}`)
    }
    const before = this.#enabled.get(kind) ?? []
    const signals = makeSignals(destinations)
    try {
      // The kernel replaces eventfds in place, but only of as many vectors as are enabled.
      if (before.length > 0 && before.length !== signals.length) this.#turnOff(kind)
      const eventfds = signals.map(({ fd }) => fd)
      this.#set(`enable interrupt ${kind}`, { kind, data: 'eventfd', action: 'trigger', eventfds })
    } catch (error) {
      disposeSignals(signals)
      if (!this.#enabled.has(kind)) disposeSignals(before)
      throw error
    }
    this.#enabled.set(kind, signals)
    for (const signal of before) signal.retire()
  }

  retarget(kind: InterruptKind, vector: number, destination: InterruptDestination | undefined): void {
    const signals = this.#enabled.get(kind) ?? []
    const replaced = signals[vector]
    const action = `retarget ${kind} vector ${vector}`
    if (replaced === undefined) throw this.#refuse('USAGE', action, `${signals.length} are enabled`)
    const signal = new VectorSignal(destination)
    try {
      this.#set(action, { kind, data: 'eventfd', action: 'trigger', eventfds: [signal.fd], start: vector })
    } catch (error) {
      signal[Symbol.dispose]()
      throw error
    }
    signals[vector] = signal
    replaced.retire()
  }

  disable(kind: InterruptKind): void {
    const signals = this.#enabled.get(kind)
    if (signals === undefined) return
    this.#turnOff(kind)
    disposeSignals(signals)
  }

  unmask(kind: InterruptKind): void {
    this.#set(`unmask interrupt ${kind}`, { kind, data: 'none', action: 'unmask', count: 1 })
  }

  unmaskBy(kind: InterruptKind, eventfd: number | undefined): void {
    const action = `unmask interrupt ${kind} by an eventfd`
    if (kind !== 'intx') throw this.#refuse('UNSUPPORTED', action, 'the kernel masks only INTx')
    if (!this.#enabled.has(kind)) throw this.#refuse('USAGE', action, 'it is not enabled')
    const set = (fd: number): void => this.#set(action, { kind, data: 'eventfd', action: 'unmask', eventfds: [fd] })
    // The kernel refuses a second one with EBUSY, so the first goes before it.
    if (this.#unmasksByEventfd) {
      set(-1)
      this.#unmasksByEventfd = false
    }
    if (eventfd === undefined) return
    set(eventfd)
    this.#unmasksByEventfd = true
  }

  /** Stops calling back. With `tellKernel` the device is told first; closing its file does the same, later. */
  close(tellKernel: boolean): void {
    for (const [kind, signals] of [...this.#enabled]) {
      try {
        if (tellKernel) this.disable(kind)
      } catch {
        // A device that refuses is about to be closed, which turns its interrupts off whatever it says.
      }
      this.#enabled.delete(kind)
      disposeSignals(signals)
    }
  }

  /** The kernel lets go of every eventfd of the kind; those of ours are the caller's to dispose. */
  #turnOff(kind: InterruptKind): void {
    // No data and no vectors: the kernel tears the whole kind down.
    this.#set(`disable interrupt ${kind}`, { kind, data: 'none', action: 'trigger', count: 0 })
    this.#enabled.delete(kind)
    if (kind === 'intx') this.#unmasksByEventfd = false
  }

  #set(action: string, request: IrqSetRequest): void {
    const fd = this.#gate.enter(action, 'BUSY')
    const command = vfioIoctl.VFIO_DEVICE_SET_IRQS
    const result = this.#call(fd, command, encodeIrqSet(request))
    if (result.ok) return
    const { address } = this.#gate
    throw systemCallError(
      { action: `${action} of ${address}`, syscall: ioctlName(command), errno: result.errno },
      { device: address },
    )
  }

  #refuse(code: ErrorCode, action: string, detail: string): QuiesceError {
    const { address } = this.#gate
    return new QuiesceError(code, `Cannot ${action} of ${address}: ${detail}`, { device: address })
  }
}
