// How often the vectors of VFIO's devices were signalled, as the kernel counts them in /proc/interrupts. It delivers them to
// the VMM by itself, so that nobody else could count.
import { readAttribute } from './sysfs-attribute.js'

/** One line: an interrupt of the machine, and the vectors that it is for. */
export interface InterruptCount {
  /** The number of the interrupt in this machine. A vector that is set up anew may get another. */
  readonly number: number
  /** On all processors together. */
  readonly count: number
  /** Full addresses, each as often as it has a vector there. An INTx line may be shared. */
  readonly devices: readonly string[]
}

/** Number and colon, and then a count for each processor. */
const counts = /^\s*(\d+):((?:\s+\d+)+)\s/
/** `vfio-msix[3](0000:01:00.0)`, `vfio-intx(0000:01:00.0)` (drivers/vfio/pci/vfio_pci_intrs.c). */
const vector = /\bvfio-(?:intx|msix?\[\d+\])\(([\da-f]{4,}:[\da-f]{2}:[\da-f]{2}\.[0-7])\)/g

/** Lines without a vector of VFIO's are left out. */
export function parseInterruptCounts(text: string): InterruptCount[] {
  return text.split('\n').flatMap((line) => {
    const [, number, perProcessor = ''] = counts.exec(line) ?? []
    const devices = [...line.matchAll(vector)].flatMap(([, address]) => address ?? [])
    if (number === undefined || devices.length === 0) return []
    const count = perProcessor.trim().split(/\s+/).map(Number)
    return { number: Number(number), count: count.reduce((sum, each) => sum + each, 0), devices }
  })
}

/** Of this machine; none where its kernel does not say. */
export function readInterruptCounts(path = '/proc/interrupts'): InterruptCount[] {
  return parseInterruptCounts(readAttribute(path) ?? '')
}
