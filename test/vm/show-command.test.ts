// `quiesce show --format lspci` against lspci itself, on every function of the VM, on a live kernel.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { comparable } from '../oracle/not-reproduced.js'
import type { ShownTwice } from './guest/show-all.js'
import { runInVm } from './run-in-vm.js'
import { topology } from './topology.js'

// `lspci -D` prints the domain; show does where there is more than one.
const lines = (text: string): string[] =>
  comparable(
    text
      .trimEnd()
      .replace(/^0000:/, '')
      .split('\n'),
  )

describe('quiesce show on the real kernel', () => {
  let shown: readonly ShownTwice[]

  before(async () => {
    const run = await runInVm({ program: 'show-all', topology: topology(), timeoutMs: 240_000 })
    assert.equal(run.exitCode, 0, run.serial)
    shown = run.results as ShownTwice[]
  })

  it('agrees with lspci -vvv line by line, on every function', () => {
    // The devices of the topology, their bridges, the chipset and a virtual function.
    assert.ok(shown.length >= 20, `only ${shown.length} functions were shown`)
    for (const { address, lspci, ours, status } of shown) {
      assert.equal(status, 0, ours)
      assert.ok(lspci.length > 100, `lspci said nothing of ${address}`)
      assert.deepEqual(lines(ours), lines(lspci), address)
    }
  })
})
