import { lspciLines } from '../../src/pci/lspci/format-lspci.js'
import { parseHexdump } from '../../src/pci/parse-hexdump.js'
import { parsePciIds } from '../../src/pci/pci-ids.js'
import { type Lspci, runLspci } from './lspci.js'
import { comparable } from './not-reproduced.js'

/** The first line of a device that is not the same. */
export interface Difference {
  readonly address: string
  readonly below: string
  readonly lspci: string | undefined
  readonly ours: string | undefined
}

export interface Comparison {
  readonly devices: number
  /** How many lines were compared. */
  readonly lines: number
  readonly differences: readonly Difference[]
}

/**
 * Decodes a dump with lspci and with our own decoder, and compares line by line, in order.
 * @param ids the text of a pci.ids file that both take names from
 */
export function compareDump(lspci: Lspci, dump: string, ids: string): Comparison {
  const theirs = runLspci(lspci, dump, ids)
  const devices = parseHexdump(dump)
  if (theirs.length !== devices.length) {
    throw new Error(`lspci printed ${theirs.length} devices and the dump has ${devices.length}`)
  }
  const names = parsePciIds(ids)
  const showDomain = devices.some(({ address }) => !address.startsWith('0000:'))
  let lines = 0
  const differences = devices.flatMap(({ address, bytes }, index): Difference[] => {
    const expected = comparable(theirs[index] ?? [])
    const actual = comparable(lspciLines(bytes, { address, showDomain, names }))
    lines += expected.length
    const at = [...expected, ''].findIndex((line, n) => line !== (actual[n] ?? ''))
    if (at < 0 && actual.length === expected.length) return []
    return [{ address, below: expected[at - 1] ?? '', lspci: expected[at], ours: actual[at] }]
  })
  return { devices: devices.length, lines, differences }
}
