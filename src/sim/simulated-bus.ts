import type { SimulatedHardware } from './simulated-hardware.js'

/** Functions that a bus reset takes along together, unless they sit on the root bus, which has none. */
export class SimulatedBus {
  /** `root`: no port above it whose secondary bus could be reset. */
  readonly kind: 'root' | 'behind-port'
  readonly functions: SimulatedHardware[] = []

  constructor(kind: 'root' | 'behind-port') {
    this.kind = kind
  }

  /** Secondary Bus Reset in the port's Bridge Control (PCIe 5.0 7.5.1.3.13). */
  reset(): void {
    for (const hardware of this.functions) hardware.reset('bus')
  }
}
