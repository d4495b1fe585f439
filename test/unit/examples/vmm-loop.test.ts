import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runExample } from './run-example.js'

describe('the VMM loop', () => {
  it('runs its guest twice, with a clean reset of the machine after each', () => {
    const { status, lines, stderr } = runExample('vmm-loop')
    assert.equal(stderr, '')
    assert.equal(status, 0)
    const guest = [
      'guest: found fffe:0001',
      'guest: BAR 0 has 16384 bytes, at 0xe0000000',
      'guest: interrupt 0x41',
      'guest: some transfers, and the device goes on writing',
    ]
    const resets = lines.filter((line) => line.startsWith('reset: '))
    assert.deepEqual(
      // How many there are by then is a matter of the simulator's clock.
      lines
        .filter((line) => !resets.includes(line))
        .map((line) => line.replace(/\b[1-9]\d* transfers/, 'some transfers')),
      ['boot 1', ...guest, 'boot 2', ...guest],
    )
    assert.equal(resets.length, 2)
    for (const line of resets) {
      const [, before] = /^reset: clean; the device had written (\d+) bytes, and wrote 0 afterwards$/.exec(line) ?? []
      assert.ok(Number(before) > 0, line)
    }
  })
})
