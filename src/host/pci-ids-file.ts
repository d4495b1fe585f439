// Where distributions keep the list of PCI ids: Debian and its kin, Fedora and its kin, then by hand.
import { readFileSync } from 'node:fs'
import type { PciIdsText } from '../pci/pci-ids.js'

const places = ['/usr/share/misc/pci.ids', '/usr/share/hwdata/pci.ids', '/usr/local/share/pci.ids'] as const

/** Searches the bytes: to decode all 1.4 MB of them takes longer than to find a few names. */
function undecoded(bytes: Buffer): PciIdsText {
  return {
    length: bytes.length,
    indexOf: (text) => bytes.indexOf(text, 0, 'latin1'),
    slice: (start, end) => bytes.toString('utf8', start, end),
  }
}

/** The text of the first pci.ids that is there, or `undefined`. */
export function readPciIdsFile(paths: readonly string[] = places): PciIdsText | undefined {
  for (const path of paths) {
    try {
      return undecoded(readFileSync(path))
    } catch {
      // Not here: the next place may have it.
    }
  }
  return undefined
}
