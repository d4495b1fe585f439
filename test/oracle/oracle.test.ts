import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compareDump, type Difference } from './compare.js'
import { hexdump } from './config-space-builder.js'
import { findLspci } from './lspci.js'
import { seeded } from './random.js'
import { randomConfigSpace } from './random-config-space.js'

const lspci = findLspci() ?? ''
import { readFileSync } from 'node:fs'
const ids = readFileSync('/usr/share/misc/pci.ids', 'utf8')
function report(d: readonly Difference[]): string { return JSON.stringify(d.slice(0, 12), null, 1) }

describe('oracle', () => {
  it('random', () => {
    const random = seeded(1)
    const dump = Array.from({ length: 512 }, (_, n) => {
      const address = `${(n >> 6).toString(16).padStart(2, '0')}:${((n >> 1) & 31).toString(16).padStart(2, '0')}.${n & 1}`
      return hexdump(address, randomConfigSpace(random))
    }).join('\n')
    const result = compareDump(lspci, dump, ids)
    assert.equal(result.differences.length, 0, `${result.differences.length} of ${result.devices}, ${result.lines} lines ${report(result.differences)}`)
  })
})
