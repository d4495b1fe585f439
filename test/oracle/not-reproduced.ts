// What we deliberately do not print as lspci does, each with its reason. A rule rewrites lspci's lines into ours, or
// drops them from both sides; whatever no rule covers must be equal to the character.

export interface NotReproduced {
  readonly reason: string
  /** Takes the lines of one device apart from the two sides' differences. */
  readonly apply: (lines: readonly string[]) => string[]
}

const capability = /^\tCapabilities: /

/** Keeps the title of a capability up to where it matches, and drops its body. */
function titleAlone(reason: string, title: RegExp): NotReproduced {
  return {
    reason,
    apply(lines) {
      const kept: string[] = []
      let isInside = false
      for (const line of lines) {
        if (capability.test(line)) {
          const match = title.exec(line.replace(/^\tCapabilities: \[[^\]]*\] /, ''))
          isInside = match !== null
          kept.push(match === null ? line : line.slice(0, line.indexOf('] ') + 2) + match[0])
        } else if (!isInside || !line.startsWith('\t\t')) {
          kept.push(line)
        }
      }
      return kept
    },
  }
}

const obsolete = 'conventional PCI of the 1990s: no function that VFIO assigns has it'

export const notReproduced: readonly NotReproduced[] = [
  titleAlone(obsolete, /^AGP(?! *3? *<)/),
  titleAlone(obsolete, /^HyperTransport/),
  titleAlone(obsolete, /^PCI-X/),
  titleAlone('the data is behind a handshake and not in configuration space', /^Vital Product Data/),
  titleAlone('described by the ACPI tables of the few machines that have it', /^Enhanced Allocation \(EA\)/),
  titleAlone('registers of the root complex, never of a function that is assigned', /^Root Complex Link(?! Dec)/),
  titleAlone('registers of the root complex', /^Root Complex Event Collector Endpoint Association/),
  titleAlone('switches only', /^Multicast/),
  titleAlone('variable blocks that no device of today has', /^Integrity & Data Encryption/),
  {
    reason: 'lspci takes the upper half of a 64-bit BAR of a dump for a BAR of its own',
    apply(lines) {
      let upper = -1
      return lines.filter((line) => {
        const match = /^\tRegion (\d): (Memory.*64-bit)?/.exec(line)
        if (match === null) return true
        const index = Number(match[1])
        if (index === upper) return false
        if (match[2] !== undefined) upper = index + 1
        return true
      })
    },
  },
  {
    reason: 'lspci tests three bits of DOE Status, and not the Error bit alone',
    apply: (lines) => lines.map((line) => line.replace(/^(\t\tDOESta: .*) Error[+-]/, '$1')),
  },
  {
    reason: 'lspci reads 16 bits of the 32 of Lane Error Status',
    apply: (lines) => lines.map((line) => line.replace(/^(\t\tLaneErrStat: ).*/, '$1')),
  },
  {
    reason: 'the LTR scales 6 and 7 are reserved, and overflow in lspci',
    apply: (lines) => lines.map((line) => line.replace(/^(\t\tMax (no )?snoop latency: ).*/, '$1')),
  },
  {
    reason: 'lspci cuts the size of a bridge window to 32 bits behind the unit',
    apply: (lines) =>
      lines.map((line) =>
        line.replace(/\[size=(\d+)/, (_, size: string) => `[size=${BigInt.asUintN(32, BigInt(size))}`),
      ),
  },
]

export function comparable(lines: readonly string[]): string[] {
  return notReproduced.reduce<string[]>((rest, rule) => rule.apply(rest), [...lines])
}
