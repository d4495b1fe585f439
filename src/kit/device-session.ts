// What a device can do to the world, for as long as nobody resets it. A reset ends the session, and with it everything
// that was begun in it: work that comes back later from a file, a timer or the client finds that it has no hands.
import type { BusInterruptKind } from './bus-function.js'
import type { ClientMemory } from './client-memory.js'
import { DeviceDma } from './device-dma.js'

/** What a session acts through. */
export interface SessionPort {
  readonly memory: ClientMemory | undefined
  /** Whether a request of the device leaves it: in D0, with Bus Master on. */
  readonly mayMaster: boolean
  /** While the function is stopped: until it runs again. */
  readonly held: Promise<void> | undefined
  /** What a signal would be now. */
  readonly interruptKind: BusInterruptKind
  pending(change: 1 | -1): void
  raise(vector: number): void
  lowerIntx(): void
  barMemory(bar: number): Uint8Array | undefined
}

export class DeviceSession {
  readonly dma: DeviceDma
  readonly #port: SessionPort
  readonly #parts = new Set<DeviceSession>()
  readonly #over = new AbortController()

  readonly #settled: () => void

  /** `settled` is called once it is over and nothing of it is under way. */
  constructor(port: SessionPort, settled: () => void = () => {}) {
    this.#port = port
    this.#settled = settled
    const session = this
    this.dma = new DeviceDma({
      get memory() {
        return port.memory
      },
      get isOpen() {
        return !session.isOver && port.mayMaster
      },
      get held() {
        return session.isOver ? undefined : port.held
      },
      pending: (change) => port.pending(change),
    })
  }

  get isOver(): boolean {
    return this.#over.signal.aborted
  }

  /** Aborted when the session ends, for whatever else can be cancelled. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  /** Whether a transfer could leave the device now. */
  get mayMaster(): boolean {
    return !this.isOver && this.#port.mayMaster
  }

  /** What a signal would be now: messages, where config space enables them. */
  get interruptKind(): BusInterruptKind {
    return this.#port.interruptKind
  }

  /** Signals a vector by whatever is enabled: MSI-X, MSI, or INTx. */
  raise(vector: number): void {
    if (!this.isOver) this.#port.raise(vector)
  }

  /** Takes the INTx line back. */
  lowerIntx(): void {
    if (!this.isOver) this.#port.lowerIntx()
  }

  /**
   * The memory that clients map of a BAR, as it was declared. Like `dma.view`: it is the device's until it next awaits
   * anything, and clients change it at any time. Undefined once the session is over, and where there is none.
   */
  barMemory(bar: number): Uint8Array | undefined {
    return this.isOver ? undefined : this.#port.barMemory(bar)
  }

  /** A session within this one, for a part of the device that is reset by itself: a controller that is enabled. */
  open(): DeviceSession {
    const part = new DeviceSession(this.#port, () => this.#parts.delete(part))
    this.#parts.add(part)
    if (this.isOver) void part.end()
    return part
  }

  /** Ends it. Resolves once the client has answered what was sent to it before: then nothing of it can land any more. */
  async end(): Promise<void> {
    this.#over.abort()
    await Promise.all([this.dma.drained(), ...[...this.#parts].map((part) => part.end())])
    this.#settled()
  }
}
