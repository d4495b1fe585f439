import type { InterruptKind, Interrupts } from '../../function/interrupts.js'
import { ForwardingDevice } from '../../vfio-user/server/forwarding-device.js'
import type { ServedDevice } from '../../vfio-user/server/served-device.js'

/**
 * A device that the kernel may want back: whoever unbinds or unplugs it waits until nobody has it open. A client that
 * listens for that hears it instead, and the kernel says it again when that client is gone.
 */
export class ReturnableDevice extends ForwardingDevice {
  readonly #interrupts: Interrupts
  readonly #onRequest: () => void

  constructor(inner: ServedDevice, interrupts: Interrupts, onRequest: () => void) {
    super(inner)
    this.#interrupts = interrupts
    this.#onRequest = onRequest
    this.#listen()
  }

  override setInterrupts(kind: InterruptKind, eventfds: readonly (number | undefined)[]): void {
    super.setInterrupts(kind, eventfds)
    if (kind === 'req' && eventfds.length === 0) this.#listen()
  }

  #listen(): void {
    if (this.#interrupts.info('req').count > 0) this.#interrupts.enable('req', [{ signal: this.#onRequest }])
  }
}
