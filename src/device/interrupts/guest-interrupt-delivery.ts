// Which kind of interrupt the guest gets: MSI-X if it enabled that, else MSI, else INTx (PCIe 6.0 6.1.4: a function that
// may send messages does not use INTx).
import type { PhysicalFunction } from '../../function/physical-function.js'
import { headerOffset } from '../../pci/header.js'
import { type ConfigOverlay, merge, watched } from '../config/config-overlay.js'
import type { HardwareConfig } from '../config/hardware-config.js'
import type { DeviceEvents } from '../device-event.js'
import { type DeviceState, isUsable } from '../device-state.js'
import type { LineRoute, Vmm } from '../vmm.js'
import { DeliveredInterrupts, type WantedInterrupts } from './delivered-interrupts.js'
import { MessageVectors, type MessageVectorsOf } from './message-vectors.js'
import { Msi } from './msi.js'
import { Msix } from './msix.js'
import { reportingFailure } from './reporting-failure.js'

export interface GuestInterruptParts {
  readonly fn: PhysicalFunction
  readonly vmm: Vmm
  readonly hardware: HardwareConfig
  readonly state: DeviceState
  readonly events: DeviceEvents
  /** Config offsets of the capabilities, where the guest sees them. */
  readonly msi: number | undefined
  readonly msix: number | undefined
}

export class GuestInterruptDelivery {
  readonly msix: Msix | undefined
  readonly msi: Msi | undefined
  readonly #state: DeviceState
  readonly #events: DeviceEvents
  readonly #delivered: DeliveredInterrupts
  readonly #line: LineRoute | undefined
  /** Whether the kernel can unmask INTx by the VMM's eventfd. */
  readonly #resamples: boolean

  constructor({ fn, vmm, hardware, state, events, msi, msix }: GuestInterruptParts) {
    this.#state = state
    this.#events = events
    this.#delivered = new DeliveredInterrupts(fn.interrupts, events)
    const changed = (): void => this.sync()
    const vectors: MessageVectorsOf = (registers) => new MessageVectors(registers, vmm.interrupts, events)
    const offered = (kind: 'msi' | 'msix'): number => fn.interrupts.info(kind).count
    if (msix !== undefined) {
      this.msix = new Msix(Msix.shapeOf(hardware, msix, offered('msix')), state, vectors, changed)
    }
    if (msi !== undefined) {
      this.msi = new Msi(Msi.shapeOf(hardware, msi, offered('msi')), state, vectors, changed)
    }
    this.#resamples = fn.interrupts.canUnmaskByEventfd
    const pin = hardware.read(headerOffset.interruptPin, 1) ?? 0
    const hasLine = pin >= 1 && pin <= 4 && fn.interrupts.info('intx').count > 0
    this.#line = hasLine ? vmm.interrupts.openLine(pin, () => this.#delivered.unmaskIntx()) : undefined
  }

  /** What is set up in the kernel now. */
  get current(): WantedInterrupts | undefined {
    return this.#delivered.current
  }

  addTo(overlay: ConfigOverlay): void {
    this.msix?.addTo(overlay)
    this.msi?.addTo(overlay)
    // A pin without an interrupt behind it would have the guest wait for one.
    const mask = this.#line === undefined ? 0xffff : 0xff
    overlay.add(
      headerOffset.interruptLine,
      watched(
        'Interrupt Line',
        mask,
        () => this.#state.interruptLine,
        (write) => {
          this.#state.interruptLine = merge(this.#state.interruptLine, write) & 0xff
        },
      ),
    )
  }

  /** Brings what is set up in line with what the guest programmed. */
  sync(): void {
    // During a reset everything is off, and the procedure's.
    if (this.#state.phase === 'resetting') return
    const source = this.#active()
    const wanted = isUsable(this.#state) ? (source?.wanted() ?? this.#intx()) : undefined
    if (this.#delivered.current?.kind === 'intx' && wanted?.kind !== 'intx') this.#lowerLine()
    this.#delivered.set(wanted)
    // Routes go back once nothing can arrive in them.
    if (wanted?.kind !== 'msix') this.msix?.vectors.close()
    if (wanted?.kind !== 'msi') this.msi?.vectors.close()
    if (wanted !== undefined) source?.vectors.flush()
  }

  /** A reset has switched everything off. */
  forget(): void {
    this.#delivered.forget()
    this.#lowerLine()
    this.msix?.vectors.close()
    this.msi?.vectors.close()
  }

  /** Everything off, and nothing signalled, until the next `sync`. */
  suspend(): void {
    this.#delivered.set(undefined)
    this.forget()
  }

  /** Everything off, and every route and line given back. */
  close(): void {
    this.suspend()
    this.#line?.[Symbol.dispose]()
  }

  #lowerLine(): void {
    reportingFailure(this.#events, () => this.#line?.lower())
  }

  #active(): Msix | Msi | undefined {
    if (this.msix?.isEnabled) return this.msix
    return this.msi?.isEnabled ? this.msi : undefined
  }

  #intx(): WantedInterrupts | undefined {
    if (this.#line === undefined) return undefined
    const { destination, resample } = this.#line
    const how = this.#resamples && resample !== undefined ? { resample } : {}
    return { kind: 'intx', destinations: [destination], ...how }
  }
}
