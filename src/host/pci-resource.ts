// sysfs `resource`: one line a resource, `start end flags` in hex; BARs 0-5, then the ROM, then what lies behind a
// bridge. Flags are the kernel's (include/linux/ioport.h).

const ioFlag = 0x100n
const memoryFlag = 0x200n
const prefetchFlag = 0x2000n
const memory64Flag = 0x100000n

const names = ['BAR0', 'BAR1', 'BAR2', 'BAR3', 'BAR4', 'BAR5', 'ROM']

export interface PciResource {
  /** VFIO's region index: BARs 0-5, ROM 6; above that, bridge windows and SR-IOV BARs. */
  readonly index: number
  readonly name: string
  readonly kind: 'memory' | 'io'
  /** The address on the bus; 0n where it was not assigned or this user may not see it. */
  readonly start: bigint
  readonly size: bigint
  readonly is64Bit: boolean
  readonly prefetchable: boolean
}

/** The resources that a function implements. */
export function parseResources(text: string): PciResource[] {
  return text.split('\n').flatMap((line, index): PciResource[] => {
    const match = /^(0x[0-9a-f]+) (0x[0-9a-f]+) (0x[0-9a-f]+)$/i.exec(line.trim())
    if (match === null) return []
    const start = BigInt(match[1] as string)
    const end = BigInt(match[2] as string)
    const flags = BigInt(match[3] as string)
    if ((flags & (ioFlag | memoryFlag)) === 0n) return []
    return [
      {
        index,
        name: names[index] ?? `resource ${index}`,
        kind: (flags & ioFlag) === 0n ? 'memory' : 'io',
        start,
        size: end === 0n ? 0n : end - start + 1n,
        is64Bit: (flags & memory64Flag) !== 0n,
        prefetchable: (flags & prefetchFlag) !== 0n,
      },
    ]
  })
}
