// Classes of functions that belong to the machine itself. A list of what could be given to a virtual machine leaves
// them out; nothing forbids to name one.

/** `[mask, value]` over the 24-bit class code (PCI Code and ID Assignment Specification, section 1). */
const hostClasses: readonly (readonly [mask: number, value: number])[] = [
  [0xff0000, 0x060000], // bridges, ISA and host bridges included
  [0xff0000, 0x080000], // system peripherals: interrupt controllers, timers, IOMMUs, event collectors
  [0xffff00, 0x0c0500], // SMBus
  [0xffff00, 0x110100], // performance counters
]

/** Whether a class code is of the machine itself rather than of a device one would give away. */
export function isHostClass(classCode: number): boolean {
  return hostClasses.some(([mask, value]) => (classCode & mask) === value)
}
