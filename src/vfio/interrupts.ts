// Interrupts through VFIO_DEVICE_SET_IRQS: the kernel signals an eventfd per vector.
import { QuiesceError } from '../errors/quiesce-error.js'
import type { InterruptDestination, InterruptInfo, InterruptKind, Interrupts } from '../function/interrupts.js'
import { EventFd } from '../linux/eventfd.js'
import { ioctlName, tryIoctl } from '../linux/ioctl.js'
import { systemCallError } from '../linux/system-call-error.js'
import { vfioIoctl } from './abi/ioctls.js'
import type { DeviceGate } from './device-gate.js'
import type { InterruptInfos } from './interrupt-info.js'
import { encodeIrqSet, type IrqSetRequest } from './irq-set.js'

interface Enabled {
  readonly count: number
  /** Those of our own that call back; the caller's eventfds are the caller's to close. */
  readonly own: readonly EventFd[]
}

function closeAll(eventfds: readonly EventFd[]): void {
  for (const eventfd of eventfds) eventfd[Symbol.dispose]()
}

export class VfioInterrupts implements Interrupts {
  readonly #gate: DeviceGate
  readonly #infos: InterruptInfos
  readonly #enabled = new Map<InterruptKind, Enabled>()

  constructor(gate: DeviceGate, infos: InterruptInfos) {
    this.#gate = gate
    this.#infos = infos
  }

  info(kind: InterruptKind): InterruptInfo {
    return this.#infos[kind]
  }

  enable(kind: InterruptKind, destinations: readonly (InterruptDestination | undefined)[]): void {
    const { count } = this.info(kind)
    if (destinations.length === 0 || destinations.length > count) {
      throw new QuiesceError(
        'USAGE',
        `Cannot enable ${destinations.length} ${kind} vectors of ${this.#gate.address}: it has ${count}`,
        { device: this.#gate.address },
      )
    }
    const own: EventFd[] = []
    try {
      const eventfds = destinations.map((destination) => this.#eventfdFor(destination, own))
      // The kernel replaces eventfds in place, but only of as many vectors as are enabled.
      const before = this.#enabled.get(kind)
      if (before !== undefined && before.count !== destinations.length) this.disable(kind)
      this.#set(`enable interrupt ${kind}`, { kind, data: 'eventfd', action: 'trigger', eventfds })
    } catch (error) {
      closeAll(own)
      throw error
    }
    closeAll(this.#enabled.get(kind)?.own ?? [])
    this.#enabled.set(kind, { count: destinations.length, own })
  }

  disable(kind: InterruptKind): void {
    const enabled = this.#enabled.get(kind)
    if (enabled === undefined) return
    // No data and no vectors: the kernel tears the whole kind down.
    this.#set(`disable interrupt ${kind}`, { kind, data: 'none', action: 'trigger', count: 0 })
    this.#enabled.delete(kind)
    closeAll(enabled.own)
  }

  unmask(kind: InterruptKind): void {
    this.#set(`unmask interrupt ${kind}`, { kind, data: 'none', action: 'unmask', count: 1 })
  }

  /** Stops calling back. With `tellKernel` the device is told first; closing its file does the same, later. */
  close(tellKernel: boolean): void {
    for (const [kind, { own }] of [...this.#enabled]) {
      try {
        if (tellKernel) this.disable(kind)
      } catch {
        // A device that refuses is about to be closed, which turns its interrupts off whatever it says.
      }
      this.#enabled.delete(kind)
      closeAll(own)
    }
  }

  /** The descriptor that the kernel signals for a vector; one that is made for it joins `own`. */
  #eventfdFor(destination: InterruptDestination | undefined, own: EventFd[]): number {
    if (destination === undefined) return -1
    if ('eventfd' in destination) return destination.eventfd
    const eventfd = new EventFd()
    own.push(eventfd)
    eventfd.onSignal(destination.signal)
    return eventfd.fd
  }

  #set(action: string, request: IrqSetRequest): void {
    const fd = this.#gate.enter(action, 'BUSY')
    const command = vfioIoctl.VFIO_DEVICE_SET_IRQS
    const result = tryIoctl(fd, command, encodeIrqSet(request))
    if (result.ok) return
    const { address } = this.#gate
    throw systemCallError(
      { action: `${action} of ${address}`, syscall: ioctlName(command), errno: result.errno },
      { device: address },
    )
  }
}
