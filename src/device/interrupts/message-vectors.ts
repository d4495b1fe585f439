// The vectors of MSI and MSI-X on their way into the guest. An unmasked vector goes straight to its route, which is
// where the kernel can do it alone; a masked one comes here and is remembered as pending.
//
// A vector gets a destination when it is first unmasked. Until then it has none: the kernel keeps it masked in the
// device, and the device remembers for itself what is pending.
import type { InterruptDestination } from '../../function/interrupts.js'
import type { DeviceEvents } from '../device-event.js'
import type { GuestInterrupts, MessageRoute, MsiMessage } from '../vmm.js'
import type { Destinations } from './delivered-interrupts.js'
import { reportingFailure } from './reporting-failure.js'

/** The registers that say what becomes of each vector. */
export interface VectorRegisters {
  /** How many the guest has enabled. */
  count(): number
  isMasked(vector: number): boolean
  message(vector: number): MsiMessage
  isPending(vector: number): boolean
  setPending(vector: number, pending: boolean): void
}

/** Makes the vectors of these registers. */
export type MessageVectorsOf = (registers: VectorRegisters) => MessageVectors

interface Vector {
  readonly route: MessageRoute
  /** Where it goes while it is masked. */
  readonly catcher: InterruptDestination
  message: MsiMessage | undefined
}

export class MessageVectors {
  readonly #registers: VectorRegisters
  readonly #guest: GuestInterrupts
  readonly #events: DeviceEvents
  readonly #vectors = new Map<number, Vector>()

  constructor(registers: VectorRegisters, guest: GuestInterrupts, events: DeviceEvents) {
    this.#registers = registers
    this.#guest = guest
    this.#events = events
  }

  /** Where each vector has to go now. Programs the routes of those that are unmasked. */
  destinations(): Destinations {
    return Array.from({ length: this.#registers.count() }, (_, number) => {
      if (this.#registers.isMasked(number)) return this.#vectors.get(number)?.catcher
      // One that the VMM has no way for goes nowhere: the others need not.
      return this.#attempt(() => this.#program(number)) ? this.#vectors.get(number)?.route.destination : undefined
    })
  }

  /** Sends what was pending of the vectors that are unmasked. */
  flush(): void {
    for (const [number, { route }] of this.#vectors) {
      const waits = number < this.#registers.count() && this.#registers.isPending(number)
      if (!waits || this.#registers.isMasked(number)) continue
      if (this.#attempt(() => route.trigger())) this.#registers.setPending(number, false)
    }
  }

  /** Gives the routes back. Nothing of the device may reach them any more. */
  close(): void {
    const vectors = [...this.#vectors]
    this.#vectors.clear()
    for (const [number, { route }] of vectors) {
      this.#registers.setPending(number, false)
      this.#attempt(() => route[Symbol.dispose]())
    }
  }

  #attempt(work: () => void): boolean {
    return reportingFailure(this.#events, work)
  }

  #program(number: number): void {
    const vector = this.#vectors.get(number) ?? this.#open(number)
    const message = this.#registers.message(number)
    if (vector.message?.address === message.address && vector.message.data === message.data) return
    vector.route.setMessage(message)
    vector.message = message
  }

  #open(number: number): Vector {
    const route = this.#guest.openMessage()
    const signal = (): void => {
      if (this.#vectors.get(number) !== vector) return
      // It may have been unmasked while the signal was on its way here.
      if (this.#registers.isMasked(number)) this.#registers.setPending(number, true)
      else this.#attempt(() => route.trigger())
    }
    const vector: Vector = { route, catcher: { signal }, message: undefined }
    this.#vectors.set(number, vector)
    return vector
  }
}
