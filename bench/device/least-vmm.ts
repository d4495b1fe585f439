// A VMM that lends everything and does nothing with it: what is measured is the device.
import type { GuestMemoryRange, LineRoute, MessageRoute, Vmm } from '../../src/device/vmm.js'

const nothing: Disposable = { [Symbol.dispose]() {} }
const destination = { signal() {} }

export function leastVmm(ranges: readonly GuestMemoryRange[] = []): Vmm {
  const message: MessageRoute = { destination, setMessage() {}, trigger() {}, [Symbol.dispose]() {} }
  const line: LineRoute = { destination, lower() {}, [Symbol.dispose]() {} }
  return {
    pageSize: 4096n,
    map: () => nothing,
    trap: () => nothing,
    interrupts: { openMessage: () => message, openLine: () => line },
    memory: { ranges, onChange: () => nothing },
  }
}
