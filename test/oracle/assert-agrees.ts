import assert from 'node:assert/strict'
import { type Comparison, compareDump } from './compare.js'
import type { Lspci } from './lspci.js'

/** Fails with the first lines that differ, of at most five devices. */
export function assertAgrees(lspci: Lspci, dump: string, ids: string = lspci.ids): Comparison {
  const result = compareDump(lspci, dump, ids)
  const shown = result.differences
    .slice(0, 5)
    .map(
      ({ address, below, lspci: theirs, ours }) =>
        `${address}, below "${below}":\n  lspci: ${theirs}\n  ours:  ${ours}`,
    )
  const count = `${result.differences.length} of ${result.devices} devices differ`
  assert.equal(result.differences.length, 0, `${count}\n${shown.join('\n')}`)
  return result
}
