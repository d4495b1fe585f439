// A client's eventfds and masks as the interrupts of a physical function. While the device is being reset, or must not be
// used, what the client wants is only remembered: nothing of it reaches the hardware.
import { QuiesceError } from '../../errors/quiesce-error.js'
import type { InterruptDestination, InterruptKind, Interrupts } from '../../function/interrupts.js'

type Destinations = readonly (InterruptDestination | undefined)[]

/** The guest's. Errors and requests are between the kernel and the client, and survive resets. */
const guestKinds = ['intx', 'msi', 'msix'] as const satisfies readonly InterruptKind[]
const isGuests = (kind: InterruptKind): boolean => guestKinds.some((each) => each === kind)

export class FunctionInterrupts {
  readonly #interrupts: Interrupts
  readonly #signal: (kind: InterruptKind, vector: number) => void
  readonly #wanted = new Map<InterruptKind, Destinations>()
  readonly #masked = new Map<InterruptKind, Set<number>>()
  #unmaskedBy: number | undefined
  #isHeld = false

  /** `signal`: where the function cannot signal eventfds itself. */
  constructor(interrupts: Interrupts, signal: (kind: InterruptKind, vector: number) => void) {
    this.#interrupts = interrupts
    this.#signal = signal
  }

  /** Nothing reaches the hardware until `release`. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
  }

  /** To VFIO's clients a reset leaves interrupts set up, which the procedure has turned off. */
  restore(onFailure: (kind: InterruptKind, error: unknown) => void): void {
    for (const kind of guestKinds) {
      const wanted = this.#wanted.get(kind)
      try {
        this.#install(kind, wanted)
      } catch (error) {
        onFailure(kind, error)
      }
    }
  }

  /** What the function refuses is thrown, and leaves everything as it was. */
  set(kind: InterruptKind, eventfds: readonly (number | undefined)[]): void {
    const isHeld = this.#isHeld && isGuests(kind)
    const before = this.#wanted.get(kind)
    const after = eventfds.map((eventfd, vector) => this.#destination(kind, vector, eventfd))
    if (after.length === 0) {
      if (!isHeld) this.#interrupts.disable(kind)
      this.#wanted.delete(kind)
      this.#masked.delete(kind)
      if (kind === 'intx') this.#unmaskedBy = undefined
      return
    }
    if (!isHeld) {
      try {
        this.#apply(kind, before, after)
      } catch (error) {
        this.#putBack(kind, before)
        throw error
      }
    }
    this.#wanted.set(kind, after)
  }

  mask(kind: InterruptKind, vector: number, masked: boolean): void {
    const destination = this.#wanted.get(kind)?.[vector]
    if (destination === undefined) return
    const vectors = this.#masked.get(kind) ?? new Set()
    this.#masked.set(kind, vectors)
    if (masked) vectors.add(vector)
    else vectors.delete(vector)
    if (this.#isHeld) return
    // A callback goes through the server, which keeps to the mask. An eventfd does not: it is taken away meanwhile.
    if ('eventfd' in destination) this.#interrupts.retarget(kind, vector, masked ? undefined : destination)
    if (kind === 'intx' && !masked) this.#interrupts.unmask(kind)
  }

  /** @throws QuiesceError `USAGE` if the kind is not set up: the kernel would refuse it too */
  unmaskBy(kind: InterruptKind, eventfd: number | undefined): void {
    if (!this.#wanted.has(kind)) {
      if (eventfd === undefined) return
      throw new QuiesceError('USAGE', `Cannot unmask ${kind} by an eventfd: it is not set up`)
    }
    if (!this.#isHeld) this.#interrupts.unmaskBy(kind, eventfd)
    this.#unmaskedBy = eventfd
  }

  #apply(kind: InterruptKind, before: Destinations | undefined, after: Destinations): void {
    if (before?.length !== after.length) {
      this.#interrupts.enable(kind, this.#effective(kind, after))
      return
    }
    for (const [vector, destination] of after.entries()) {
      if (isSame(before[vector], destination) || this.#isMasked(kind, vector, destination)) continue
      this.#interrupts.retarget(kind, vector, destination)
    }
  }

  /** Some vectors may have changed before one was refused. */
  #putBack(kind: InterruptKind, before: Destinations | undefined): void {
    try {
      this.#install(kind, before)
    } catch {
      // What was refused first is what is told.
    }
  }

  #install(kind: InterruptKind, wanted: Destinations | undefined): void {
    if (wanted === undefined) {
      this.#interrupts.disable(kind)
      return
    }
    this.#interrupts.enable(kind, this.#effective(kind, wanted))
    if (kind === 'intx' && this.#unmaskedBy !== undefined) this.#interrupts.unmaskBy(kind, this.#unmaskedBy)
  }

  #effective(kind: InterruptKind, destinations: Destinations): Destinations {
    return destinations.map((destination, vector) =>
      this.#isMasked(kind, vector, destination) ? undefined : destination,
    )
  }

  #isMasked(kind: InterruptKind, vector: number, destination: InterruptDestination | undefined): boolean {
    return destination !== undefined && 'eventfd' in destination && this.#masked.get(kind)?.has(vector) === true
  }

  #destination(kind: InterruptKind, vector: number, eventfd: number | undefined): InterruptDestination | undefined {
    if (eventfd === undefined) return undefined
    // A simulator signals no eventfds: the server does.
    if (this.#interrupts.canUnmaskByEventfd) return { eventfd }
    return { signal: () => this.#signal(kind, vector) }
  }
}

function isSame(one: InterruptDestination | undefined, other: InterruptDestination | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return 'eventfd' in one && 'eventfd' in other && one.eventfd === other.eventfd
}
