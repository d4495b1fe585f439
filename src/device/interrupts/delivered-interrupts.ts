// What is set up in the kernel: one kind at a time, and changed only where something differs.
import type { InterruptDestination, InterruptKind, Interrupts } from '../../function/interrupts.js'
import type { DeviceEvents } from '../device-event.js'
import { reportingFailure } from './reporting-failure.js'

export type Destinations = readonly (InterruptDestination | undefined)[]

export interface WantedInterrupts {
  readonly kind: Extract<InterruptKind, 'intx' | 'msi' | 'msix'>
  /** Vectors 0 to n-1. */
  readonly destinations: Destinations
  /** An eventfd by which the kernel unmasks INTx alone, at the guest's end of interrupt. */
  readonly resample?: number
}

function isSame(a: InterruptDestination | undefined, b: InterruptDestination | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if ('eventfd' in a) return 'eventfd' in b && a.eventfd === b.eventfd
  return 'signal' in b && a.signal === b.signal
}

export class DeliveredInterrupts {
  readonly #interrupts: Interrupts
  readonly #events: DeviceEvents
  #current: WantedInterrupts | undefined

  constructor(interrupts: Interrupts, events: DeviceEvents) {
    this.#interrupts = interrupts
    this.#events = events
  }

  get current(): WantedInterrupts | undefined {
    return this.#current
  }

  set(wanted: WantedInterrupts | undefined): void {
    const before = this.#current
    if (before?.kind !== wanted?.kind) this.#disable()
    if (wanted === undefined) return
    const isDone = reportingFailure(this.#events, () => {
      if (before?.kind !== wanted.kind || before.destinations.length !== wanted.destinations.length)
        this.#enable(wanted)
      else this.#retarget(wanted, before.destinations)
    })
    this.#current = wanted
    // How much of it the kernel took is not known.
    if (!isDone) this.#disable()
  }

  /** Lets an INTx through again that was masked when it was delivered. */
  unmaskIntx(): void {
    if (this.#current?.kind !== 'intx') return
    reportingFailure(this.#events, () => this.#interrupts.unmask('intx'))
  }

  /** Somebody else has disabled everything. */
  forget(): void {
    this.#current = undefined
  }

  #enable({ kind, destinations, resample }: WantedInterrupts): void {
    this.#interrupts.enable(kind, destinations)
    if (resample !== undefined) this.#interrupts.unmaskBy(kind, resample)
  }

  /** One by one, and only those that changed: enabling all anew could lose a signal of the others. */
  #retarget({ kind, destinations }: WantedInterrupts, before: Destinations): void {
    for (const [vector, destination] of destinations.entries()) {
      if (!isSame(destination, before[vector])) this.#interrupts.retarget(kind, vector, destination)
    }
  }

  #disable(): void {
    const before = this.#current
    this.#current = undefined
    if (before === undefined) return
    reportingFailure(this.#events, () => this.#interrupts.disable(before.kind))
  }
}
