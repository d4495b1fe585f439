import { type ErrorCode, QuiesceError } from '../../errors/quiesce-error.js'

/** Whether the device can be reached now: not while it is being reset, and not once it is closed. */
export class ResetGate {
  readonly #address: string
  isResetting = false
  isClosed = false

  constructor(address: string) {
    this.#address = address
  }

  /** @throws QuiesceError `CLOSED`, or `code` while a reset is under way: what would wait for it is refused */
  enter(action: string, code: ErrorCode): void {
    if (this.isClosed) {
      throw new QuiesceError('CLOSED', `Cannot ${action} of ${this.#address}: it is closed`, { device: this.#address })
    }
    if (this.isResetting) {
      throw new QuiesceError(code, `Cannot ${action} of ${this.#address}: it is being reset`, { device: this.#address })
    }
  }
}
