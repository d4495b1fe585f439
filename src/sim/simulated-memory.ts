import { QuiesceError } from '../errors/quiesce-error.js'
import type { DmaMemory } from '../function/dma.js'

/** Memory that simulated devices can reach. Nothing pins it: there is no kernel. */
export class SimulatedMemory implements DmaMemory {
  readonly bytes: Uint8Array
  readonly address = 0n
  #isDisposed = false

  constructor(size: bigint) {
    if (size <= 0n || size > 1n << 32n) {
      throw new QuiesceError('USAGE', `Cannot allocate ${size} bytes: the size must be between 1 byte and 4 GiB`)
    }
    this.bytes = new Uint8Array(Number(size))
  }

  get isDisposed(): boolean {
    return this.#isDisposed
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true
  }
}
