// Where distributions keep the list of PCI ids: Debian and its kin, Fedora and its kin, then by hand.
import { readFileSync } from 'node:fs'

const places = ['/usr/share/misc/pci.ids', '/usr/share/hwdata/pci.ids', '/usr/local/share/pci.ids'] as const

/** The text of the first pci.ids that is there, or `undefined`. */
export function readPciIdsFile(paths: readonly string[] = places): string | undefined {
  for (const path of paths) {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      // Not here: the next place may have it.
    }
  }
  return undefined
}
