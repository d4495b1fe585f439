// Where everything is in the guest's address space, for its program and for the VMM.

export const guestLayout = {
  memorySize: 0x20_0000,
  globalTable: 0x1000,
  interruptTable: 0x2000,
  /** What LIDT reads: limit and address of the table. */
  interruptTablePointer: 0x2800,
  results: 0x3000,
  stackTop: 0x8000,
  code: 0x1_0000,
  /** What the device reads, and what it writes: a page each. */
  source: 0x10_0000,
  target: 0x10_1000,
  /** Where the guest puts the device's BAR 0. */
  bar: 0xe000_0000,
  ioApic: 0xfec0_0000,
  localApic: 0xfee0_0000,
  /** A page of read-only memory in which every x86 processor begins after a reset. */
  rom: 0xffff_f000,
} as const

/** I/O ports by which the guest speaks to the VMM. */
export const guestPort = { mark: 0xf4, reset: 0xf5 } as const

/** What the guest marks. */
export const guestMark = { start: 1, end: 2, inFlight: 3, notFound: 0x81, noMsi: 0x82 } as const

/** Counters of 32 bits in the page of results, in their order. */
const resultNames = [
  'identification',
  'barSize',
  'accesses',
  'mismatches',
  'interrupts',
  'spurious',
  'transfers',
  'factorial',
] as const

export type ResultName = (typeof resultNames)[number]

/** The address of a result. */
export const resultAddress = (name: ResultName): number => guestLayout.results + 4 * resultNames.indexOf(name)

/** Reads the results out of the guest's memory. */
export function readResults(memory: Uint8Array): Record<ResultName, number> {
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
  const entries = resultNames.map((name) => [name, view.getUint32(resultAddress(name), true)])
  return Object.fromEntries(entries) as Record<ResultName, number>
}
