import { type ErrorCode, QuiesceError } from '../errors/quiesce-error.js'
import type { FileDescriptor } from '../linux/file-descriptor.js'
import type { ResetsUnderWay } from './resets-under-way.js'

/**
 * What every access to an open device goes through. While the kernel resets a device it holds up every access to it,
 * for a minute and more; the gate refuses the access instead, so that one stuck device does not stop the program.
 */
export class DeviceGate {
  readonly address: string
  readonly file: FileDescriptor
  readonly #resets: ResetsUnderWay

  constructor(address: string, file: FileDescriptor, resets: ResetsUnderWay) {
    this.address = address
    this.file = file
    this.#resets = resets
  }

  get isResetting(): boolean {
    return this.#resets.has(this.address)
  }

  /** Settles once no reset of it is under way. */
  resetsEnded(): Promise<void> {
    return this.#resets.ended(this.address)
  }

  /**
   * The device's descriptor, for an access that completes "Cannot ...".
   * @throws QuiesceError `code` while the device is being reset, `CLOSED` after it was closed
   */
  enter(action: string, code: ErrorCode): number {
    if (this.isResetting) {
      throw new QuiesceError(code, `Cannot ${action} of ${this.address}: the kernel is resetting it`, {
        device: this.address,
        hint: 'Wait for the reset to end',
      })
    }
    return this.file.fd
  }
}
